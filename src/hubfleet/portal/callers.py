"""What routes ask for: who calls, and whether they may change something."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from hubfleet.errors import RefusedError
from hubfleet.portal import forgery
from hubfleet.portal.people import Person


async def caller(request: Request) -> Person:
    """Return who calls."""
    found: Person = await request.app.state.people.who(request)
    return found


def address_of(request: Request) -> str:
    """Return the address of the network that a request comes from, as HAProxy saw it: what others say it removes."""
    seen = request.headers.getlist("x-forwarded-for")
    if seen:
        return seen[-1].rpartition(",")[2].strip()
    return request.client.host if request.client else ""


async def changer(request: Request, person: Annotated[Person, Depends(caller)]) -> Person:
    """Return who calls, once it is sure that they mean it."""
    request.app.state.forgery.check(request, person, request.headers.get(forgery.HEADER, ""))
    return person


Caller = Annotated[Person, Depends(caller)]
"""Whoever calls."""
Changer = Annotated[Person, Depends(changer)]
"""Whoever calls to change something by the API."""


@dataclass(frozen=True)
class SentForm:
    """A form that somebody sent on purpose."""

    person: Person
    fields: dict[str, str]


async def sent_form(request: Request, person: Caller) -> SentForm:
    """Return a form's fields, once it is sure that its sender means it; of two fields with one name the last counts."""
    try:
        fields = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=100))
    except ValueError:
        raise RefusedError("this is no form", status=400) from None
    request.app.state.forgery.check(request, person, fields.pop(forgery.FIELD, ""))
    return SentForm(person, fields)


Sent = Annotated[SentForm, Depends(sent_form)]
"""A page's form."""
