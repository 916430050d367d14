"""Routes for servers and their events."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse

from hubfleet.agent.api import streams
from hubfleet.agent.api.guard import allow, caller_of, hub_of, own_hub
from hubfleet.agent.api.problems import responses
from hubfleet.agent.bell import Bell
from hubfleet.agent.records import answer_to_json
from hubfleet.agent.servers import Servers
from hubfleet.protocol.messages import Server, ServerAnswer, ServerList, ServerRequest, StopRequest
from hubfleet.protocol.signing import Caller

MAX_NUMBER = 2**53
ServerId = Annotated[
    str,
    Path(
        pattern="^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        description="The server's id: uuid5 of the hub's id, the person's database id and the server's name.",
    ),
]
Known = Annotated[Caller, Depends(caller_of)]
Since = Annotated[int, Query(ge=0, le=MAX_NUMBER, description="Number of the last change that is known already.")]
Key = Annotated[str, Header(alias="Idempotency-Key", max_length=200)]
LastId = Annotated[str, Header(alias="Last-Event-ID", max_length=20)]


def _servers(request: Request) -> Servers:
    found = request.app.state.servers
    assert isinstance(found, Servers)
    return found


def _bell(request: Request) -> Bell:
    found = request.app.state.bell
    assert isinstance(found, Bell)
    return found


def _start(since: Since = 0, last_id: LastId = "") -> int:
    """`Last-Event-ID`, which browsers send when they connect again, counts before `since`."""
    return int(last_id) if last_id.isascii() and last_id.isdigit() and int(last_id) <= MAX_NUMBER else since


def stream(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the answers of a route that streams events, for its OpenAPI description."""
    described = {"description": "Events", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
    return {200: described, **responses(*statuses)}


Here = Annotated[Servers, Depends(_servers)]
Rung = Annotated[Bell, Depends(_bell)]
Start = Annotated[int, Depends(_start)]
NO_STORE = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_NEW: dict[str, Any] = {"model": ServerAnswer, "description": "A new start"}

routes = APIRouter(prefix="/v1", tags=["servers"])
"""The routes; the app's state holds the agent's servers and its bell."""


@routes.put(
    "/servers/{server}",
    responses={201: _NEW, **responses(403, 404, 409, 413, 429, 507)},
    response_model=ServerAnswer,
)
async def put_server(server: ServerId, request: ServerRequest, servers: Here, caller: Known, key: Key = "") -> Response:
    """Let a server run. The same request again, or a later generation of it, gets the server that runs."""
    allow(caller, "hub")
    own_hub(caller, request.hub)
    answer, created = await servers.put(server, request, caller=caller.name, key=key)
    return Response(answer_to_json(answer), 201 if created else 200, media_type="application/json")


@routes.get("/servers", responses=responses(403))
async def list_servers(servers: Here, caller: Known, since: Since = 0) -> ServerList:
    """Return all servers, or what changed since a number."""
    allow(caller, "hub", "operator")
    return await servers.list(hub=hub_of(caller), since=since)


@routes.get("/servers/{server}", responses=responses(403, 404))
async def get_server(server: ServerId, servers: Here, caller: Known) -> Server:
    """Return one server."""
    allow(caller, "hub", "operator")
    return await servers.get(server, hub=hub_of(caller))


@routes.post("/servers/{server}/stop", responses=responses(403, 404))
async def stop_server(server: ServerId, request: StopRequest, servers: Here, caller: Known) -> Server:
    """Stop a server; answers at once, and its end comes as an event."""
    allow(caller, "hub", "operator")
    return await servers.stop(server, request, hub=hub_of(caller))


@routes.delete("/servers/{server}", status_code=204, responses=responses(403, 404, 409))
async def forget_server(server: ServerId, servers: Here, caller: Known) -> None:
    """Forget a stopped server and its log."""
    allow(caller, "hub", "operator")
    await servers.forget(server, hub=hub_of(caller))


@routes.get("/servers/{server}/logs", response_class=PlainTextResponse, responses=responses(403, 404))
async def get_logs(
    server: ServerId, servers: Here, caller: Known, lines: Annotated[int, Query(ge=1, le=5000)] = 200
) -> PlainTextResponse:
    """Return the last lines that a server wrote, 200,000 bytes at most. Never trust what is in them."""
    allow(caller, "hub", "operator")
    return PlainTextResponse(await servers.logs(server, hub=hub_of(caller), lines=lines))


@routes.get("/servers/{server}/events", response_class=StreamingResponse, responses=stream(403, 404))
async def server_events(server: ServerId, servers: Here, bell: Rung, caller: Known, start: Start) -> StreamingResponse:
    """Stream one server's events (SSE); `Last-Event-ID` goes on after that one."""
    allow(caller, "hub", "operator")
    await servers.get(server, hub=hub_of(caller))
    flow = streams.events(servers, bell, since=start, hub=hub_of(caller), server=server)
    return StreamingResponse(flow, media_type="text/event-stream", headers=NO_STORE)


@routes.get("/events", response_class=StreamingResponse, responses=stream(403))
async def all_events(servers: Here, bell: Rung, caller: Known, start: Start) -> StreamingResponse:
    """Stream the events of all servers that the caller may see (SSE)."""
    allow(caller, "hub", "operator")
    flow = streams.events(servers, bell, since=start, hub=hub_of(caller), server=None)
    return StreamingResponse(flow, media_type="text/event-stream", headers=NO_STORE)
