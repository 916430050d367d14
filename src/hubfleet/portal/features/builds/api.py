"""The portal's API for builds."""

from collections.abc import AsyncGenerator
from typing import Annotated, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response, StreamingResponse

from hubfleet.portal.callers import Caller, Changer
from hubfleet.portal.features.builds.builds import Builds
from hubfleet.portal.features.builds.streams import as_sse
from hubfleet.portal.features.builds.views import BuildList, BuildView, NewBuild
from hubfleet.portal.problems import responses
from hubfleet.protocol.builds import BuildEvent

MANY = 500
WAIT_MAX_S = 1800.0
"""How long a call may stay open; less than the proxy allows."""
routes = APIRouter()


def _builds(request: Request) -> Builds:
    return cast(Builds, request.app.state.builds)


Found = Annotated[Builds, Depends(_builds)]
Search = Annotated[str, Query(max_length=200)]
Wait = Annotated[float, Query(ge=0, le=WAIT_MAX_S)]
Limit = Annotated[int, Query(ge=1, le=MANY)]


@routes.post(
    "/builds",
    status_code=202,
    response_model=BuildView,
    responses=responses(429) | {200: {"model": BuildView, "description": "It is over"}},
)
async def begin_build(
    wanted: NewBuild, person: Changer, builds: Found, answer: Response, *, wait_s: Wait = 0
) -> object:
    """Begin to make an environment of a repository; with `wait_s`, answer when that is over, or so much later."""
    entry = await builds.ended(await builds.begin(person, wanted), within_s=wait_s)
    if entry.ended is not None:
        answer.status_code = 200
    return entry


@routes.get("/builds", response_model=BuildList, responses=responses())
async def list_builds(person: Caller, builds: Found, search: Search = "", limit: Limit = 100) -> object:
    """Return the caller's builds, newest first; admins and services see everybody's."""
    return {"builds": await builds.builds(person.sees, search=search, limit=limit)}


@routes.get("/builds/{build}", response_model=BuildView, responses=responses(404))
async def get_build(build: UUID, person: Caller, builds: Found, *, wait_s: Wait = 0) -> object:
    """Return one build; with `wait_s`, when it is over, or so much later."""
    return await builds.ended(await builds.build(person, build), within_s=wait_s)


@routes.get(
    "/builds/{build}/events",
    response_class=StreamingResponse,
    responses=responses(404) | {204: {"description": "There is none after the last one that the caller saw"}},
)
async def follow_build(
    build: UUID,
    person: Caller,
    builds: Found,
    since: Annotated[int, Query(ge=0)] = 0,
    last_event_id: Annotated[int | None, Header(ge=0)] = None,
) -> Response:
    """Follow a build as server-sent events with a BuildEvent each, from a number or the last one seen."""
    entry = await builds.build(person, build)
    since = since if last_event_id is None else last_event_id
    if entry.ended is not None and since >= max(entry.seq, 1):
        # tells an EventSource not to come again
        return Response(status_code=204)
    events = cast(AsyncGenerator[BuildEvent], builds.events(entry, since=since))
    return StreamingResponse(
        as_sse(events, builds.ending), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


@routes.post("/builds/{build}/stop", response_model=BuildView, responses=responses(404))
async def stop_build(build: UUID, person: Changer, builds: Found) -> object:
    """End a build; one that is over stays as it is."""
    return await builds.stop(person, build)
