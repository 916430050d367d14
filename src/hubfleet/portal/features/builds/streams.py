"""A build's events as server-sent events: resumable by number, kept alive, ended when the portal ends."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from hubfleet.protocol.builds import BuildEvent

KEEP_ALIVE_S = 15.0
STILL_HERE = ": still here\n\n"


async def as_sse(
    events: AsyncGenerator[BuildEvent], ending: asyncio.Event, *, every_s: float = KEEP_ALIVE_S
) -> AsyncIterator[str]:
    """Yield events in the wire's form, and a comment whenever there was none for a while."""
    yield ": hubfleet\n\n"
    over = asyncio.ensure_future(ending.wait())
    coming = asyncio.ensure_future(anext(events, None))
    try:
        while not ending.is_set():
            await asyncio.wait({coming, over}, timeout=every_s, return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                yield STILL_HERE
                continue
            event = coming.result()
            if event is None:
                return
            number = f"id: {event.seq}\n" if event.seq else ""
            yield f"{number}data: {event.model_dump_json()}\n\n"
            coming = asyncio.ensure_future(anext(events, None))
    finally:
        for task in (coming, over):
            task.cancel()
        await asyncio.gather(coming, over, return_exceptions=True)
        await events.aclose()
