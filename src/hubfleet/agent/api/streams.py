"""Events as server-sent events: resumable by number, kept alive, ended when the agent ends."""

from collections.abc import AsyncIterator

from pydantic import BaseModel

from hubfleet.agent.bell import Bell
from hubfleet.agent.servers import Servers

KEEP_ALIVE_S = 15.0
HELLO = ": hubfleet\n\n"
STILL_HERE = ": still here\n\n"
_GAP = "event: gap\n\n"
"""Older events are gone: read the whole list once. Without data, so that no reader takes it for an event."""


async def events(
    servers: Servers, bell: Bell, *, since: int, hub: str | None, server: str | None
) -> AsyncIterator[str]:
    """Yield events of one server, or of all that a caller may see, as they come."""
    yield HELLO
    while not bell.closed:
        mark = bell.mark
        found, gap = await servers.events(since=since, hub=hub, server=server)
        if gap and since:
            yield _GAP
        if gap and not found:
            since = 0
        for event in found:
            since = event.seq
            yield line(event.seq, "server", event)
        if not found:
            await bell.wait(mark, timeout_s=KEEP_ALIVE_S)
            if bell.mark == mark:
                yield STILL_HERE


def line(number: int, kind: str, event: BaseModel) -> str:
    """Return one event as it goes over the line."""
    return f"id: {number}\nevent: {kind}\ndata: {event.model_dump_json()}\n\n"
