"""Routes for builds and their events."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import StreamingResponse

from hubfleet.agent.api import streams
from hubfleet.agent.api.guard import allow, caller_of, hub_of, own_hub
from hubfleet.agent.api.problems import responses
from hubfleet.agent.api.servers import NO_STORE, Start, stream
from hubfleet.agent.environments.builds import Builds
from hubfleet.protocol.builds import Build, BuildRequest
from hubfleet.protocol.signing import Caller

BuildId = Annotated[
    str,
    Path(
        pattern="^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        description="The build's id, chosen by the caller.",
    ),
]
Known = Annotated[Caller, Depends(caller_of)]


def _builds(request: Request) -> Builds:
    found = request.app.state.builds
    assert isinstance(found, Builds)
    return found


Here = Annotated[Builds, Depends(_builds)]

routes = APIRouter(prefix="/v1", tags=["builds"])
"""The routes; the app's state holds the agent's builds."""


@routes.put("/builds/{build}", responses=responses(403, 404, 409, 413, 429))
async def put_build(build: BuildId, request: BuildRequest, builds: Here, caller: Known) -> Build:
    """Begin a build; the same id again gets the build that it began."""
    allow(caller, "portal")
    own_hub(caller, request.hub)
    return builds.start(build, request)


@routes.get("/builds/{build}", responses=responses(403, 404))
async def get_build(build: BuildId, builds: Here, caller: Known) -> Build:
    """Return one build with its lock. Builds are forgotten when the agent starts anew: put it again then."""
    allow(caller, "portal", "operator")
    return builds.get(build, hub=hub_of(caller))


@routes.post("/builds/{build}/stop", responses=responses(403, 404))
async def stop_build(build: BuildId, builds: Here, caller: Known) -> Build:
    """End a build."""
    allow(caller, "portal", "operator")
    return builds.stop(build, hub=hub_of(caller))


@routes.get("/builds/{build}/events", response_class=StreamingResponse, responses=stream(403, 404))
async def build_events(build: BuildId, builds: Here, caller: Known, start: Start) -> StreamingResponse:
    """Stream one build's events (SSE) up to its last one; `Last-Event-ID` goes on after that one."""
    allow(caller, "portal", "operator")
    builds.get(build, hub=hub_of(caller))
    flow = _lines(builds, build, hub_of(caller), start)
    return StreamingResponse(flow, media_type="text/event-stream", headers=NO_STORE)


async def _lines(builds: Builds, build: str, hub: str | None, since: int) -> AsyncIterator[str]:
    yield streams.HELLO
    async for event in builds.events(build, hub=hub, since=since, keep_alive_s=streams.KEEP_ALIVE_S):
        yield streams.STILL_HERE if event is None else streams.line(event.seq, "build", event)
