"""The portal's API by which continuous integration gives profiles new environments, and takes them back."""

from datetime import datetime
from typing import Annotated, Self, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Request, Response
from pydantic import Field, model_validator

from hubfleet.model.base import Message, StrictModel
from hubfleet.portal.callers import Caller, Changer
from hubfleet.portal.features.builds.profiles import Had, Profiles
from hubfleet.portal.problems import responses
from hubfleet.records.entries import PromotionEntry

routes = APIRouter()


class Promotion(StrictModel):
    """What a profile shall have: either a digest, or what it had before."""

    digest: Annotated[str, Field(max_length=500)] = ""
    """Name of an environment of this hub."""
    previous: bool = False
    """Go back one step."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.previous == bool(self.digest):
            raise ValueError("give either a digest, or `previous: true`")
        return self


class StepView(Message):
    """One step of a profile: that it got an environment, or went back."""

    digest: str
    """Empty: what the hub's file says."""
    name: str
    """What people call the environment."""
    by: str
    """Who did it: JupyterHub's name, or `service/NAME`."""
    at: datetime
    build: UUID | None
    """The build that the environment came from."""
    back: bool
    """Whether this went back."""


class ProfileView(Message):
    """A profile, and which environment starts with it get unless somebody asks for another."""

    profile: str
    title: str
    now: StepView | None
    """Null: it never was given one, and has what the hub's file says."""
    previous: StepView | None
    """What going back leads to; null: what the hub's file says."""
    changed: bool = False
    """Whether this call changed it."""


class ProfileHistory(ProfileView):
    """A profile with all that it ever had."""

    history: list[StepView]
    """Newest first."""


class ProfileList(Message):
    """Profiles in the order of the hub's file."""

    profiles: list[ProfileView]


def _profiles(request: Request) -> Profiles:
    return cast(Profiles, request.app.state.profiles)


Found = Annotated[Profiles, Depends(_profiles)]
Name = Annotated[str, Path(max_length=100)]
IfMatch = Annotated[str, Header(max_length=100, description="Only if the profile still has this ETag.")]


@routes.get("/profiles", response_model=ProfileList, responses=responses())
async def list_profiles(person: Caller, found: Found) -> object:
    """Return the hub's profiles and their environments; for those who may promote."""
    return {"profiles": [_view(had) for had in await found.all(person)]}


@routes.get("/profiles/{profile}/environment", response_model=ProfileHistory, responses=responses(404))
async def get_profile_environment(profile: Name, person: Caller, found: Found, answer: Response) -> object:
    """Return a profile's environment and all that it ever had; the ETag names this state for `If-Match`."""
    had, steps = await found.one(person, profile)
    answer.headers["ETag"] = had.tag
    return _view(had) | {"history": [_step(step) for step in steps]}


@routes.post("/profiles/{profile}/environment", response_model=ProfileView, responses=responses(404, 409, 412))
async def change_profile_environment(
    profile: Name, wanted: Promotion, person: Changer, found: Found, answer: Response, *, if_match: IfMatch = ""
) -> object:
    """Give a profile an environment, or what it had before; starts from now on get it, and servers that run go on.

    Each call with `previous` goes back one step more, which is why this is no DELETE: programs may repeat that.
    """
    if wanted.previous:
        had, changed = await found.go_back(person, profile, if_tag=if_match), True
    else:
        had, changed = await found.promote(person, profile, wanted.digest, if_tag=if_match)
    answer.headers["ETag"] = had.tag
    return _view(had) | {"changed": changed}


def _view(had: Had) -> dict[str, object]:
    steps = {"now": had.last and _step(had.last), "previous": had.before and _step(had.before)}
    return {"profile": had.name, "title": had.title, **steps}


def _step(entry: PromotionEntry) -> StepView:
    return StepView(
        digest=entry.digest, name=entry.name, by=entry.person, at=entry.at, build=entry.build, back=entry.back
    )
