"""What somebody who is not signed in sees who follows a link: what it starts, and the button that starts it."""

from typing import Annotated, cast
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Request
from fastapi import Query as InQuery
from starlette.responses import RedirectResponse, Response

from hubfleet.errors import RefusedError
from hubfleet.portal import forgery
from hubfleet.portal.features.builds.binder import providers
from hubfleet.portal.features.builds.binder.providers import Source
from hubfleet.portal.features.builds.guests import Guests
from hubfleet.portal.look import Look
from hubfleet.portal.people import PREFIX, Person, SignedOutError

VISIT = f"{PREFIX}visit"
BINDER = "/services/binder"
VISITOR = Person("", session="visitor")
"""Who is nobody: forms are bound to the browser alone."""
_FILES = ("labpath", "filepath")
"""Arguments of BinderHub's links that name a file of the repository."""
_PAGES = {"labpath": "doc/tree/", "filepath": "tree/", "urlpath": ""}
"""Where each of them leads on the server, as BinderHub's own page has it."""

routes = APIRouter()


@routes.get("/visit")
async def visit(request: Request, link: Annotated[str, InQuery(max_length=3000)]) -> Response:
    """Show what a link starts; who is signed in has the form for it, filled in."""
    found = named(link)
    form = form_of(request, found)
    try:
        await request.app.state.people.who(request)
    except SignedOutError:
        pass
    else:
        return RedirectResponse(form, 302)
    return _page(request, found, form)


@routes.post("/visit")
async def launch(request: Request, link: Annotated[str, InQuery(max_length=3000)]) -> Response:
    """Show the page that asks for the server and follows it, to whoever pressed the button on ours."""
    found = named(link)
    try:
        fields = dict(parse_qsl((await request.body()).decode(), max_num_fields=10))
    except ValueError:
        raise RefusedError("this is no form", status=400) from None
    request.app.state.forgery.check(request, VISITOR, fields.get(forgery.FIELD, ""))
    return _page(request, found, form_of(request, found), stream=f"{BINDER}/build/{found.provider}/{found.spec}")


def named(link: str) -> Source:
    """Return what a link's path names, such as `gh/ann/waves/main`.

    Raises:
        RefusedError: 404 for a provider that is not known, 400 for what it cannot read.
    """
    provider, _, spec = link.partition("/")
    return providers.source(provider, spec)


def form_of(request: Request, found: Source) -> str:
    """Return the address of the form for those who sign in, filled in."""
    opened = next((request.query_params[name] for name in _FILES if name in request.query_params), "")
    query = {"repository": found.repository, "ref": found.ref, "then": "start"} | ({"open": opened} if opened else {})
    return f"{PREFIX}environments?{urlencode(query)}#new"


def _page(request: Request, found: Source, form: str, *, stream: str = "") -> Response:
    wanted = cast(Guests, request.app.state.guests).wanted
    given = next((name for name in _PAGES if name in request.query_params), "")
    return cast(Look, request.app.state.look).page(
        request,
        VISITOR,
        "visit.html",
        repository=found.repository,
        ref=found.ref,
        exact=providers.COMMIT.fullmatch(found.ref) is not None,
        form=form,
        action=f"{VISIT}?{request.url.query}",
        stream=stream,
        page=_PAGES[given] + request.query_params[given].lstrip("/") if given else "",
        idle_minutes=wanted.idle_minutes,
        hours=f"{wanted.hours:g}",
    )
