"""The page on which those who may give profiles other environments do so, and go back; works without JavaScript."""

from typing import cast

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from hubfleet.errors import RefusedError
from hubfleet.portal.callers import Caller, Sent
from hubfleet.portal.features.builds.profiles import Profiles
from hubfleet.portal.look import Look
from hubfleet.portal.people import PREFIX, Person

routes = APIRouter()


@routes.get("/profiles")
async def profiles(request: Request, person: Caller) -> Response:
    """Show which environment each profile has, and what it would go back to."""
    return await _page(request, person)


@routes.get("/profiles/{profile}")
async def one_profile(request: Request, profile: str, person: Caller) -> Response:
    """Show all that a profile ever had."""
    had, steps = await _profiles(request).one(person, profile)
    look = cast(Look, request.app.state.look)
    return look.page(request, person, "profile.html", profile=had, steps=steps)


@routes.post("/profiles/environment")
async def change(request: Request, sent: Sent) -> Response:
    """Give a profile an environment (`digest`) or what it had before (`previous`), and show all profiles.

    The form says what its page showed the profile to have: what somebody else did meanwhile is not undone unseen.
    """
    profile, tag = sent.fields.get("profile", ""), sent.fields.get("tag", "")
    try:
        if sent.fields.get("previous"):
            await _profiles(request).go_back(sent.person, profile, if_tag=tag)
        else:
            await _profiles(request).promote(sent.person, profile, sent.fields.get("digest", ""), if_tag=tag)
    except RefusedError as error:
        if error.status not in {409, 412}:
            raise
        return await _page(request, sent.person, wrong=f"{error.message}. {error.hint}", status=error.status)
    return RedirectResponse(f"{PREFIX}profiles", 303)


async def _page(request: Request, person: Person, *, wrong: str = "", status: int = 200) -> Response:
    every = await _profiles(request).all(person)
    look = cast(Look, request.app.state.look)
    return look.page(request, person, "profiles.html", status=status, profiles=every, wrong=wrong)


def _profiles(request: Request) -> Profiles:
    return cast(Profiles, request.app.state.profiles)
