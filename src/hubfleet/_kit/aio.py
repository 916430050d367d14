"""Background work that has a name, a guard and an end."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from hubfleet._kit.clock import Clock, SystemClock
from hubfleet.errors import HubfleetError

_log = logging.getLogger(__name__)


async def guarded(
    name: str, work: Callable[[], Awaitable[None]], *, every_s: float, clock: Clock | None = None
) -> None:
    """Repeat work for ever, with a pause between rounds; a failed round is logged and the next one still comes."""
    clock = clock or SystemClock()
    while True:
        try:
            await work()
        except asyncio.CancelledError:
            raise
        except HubfleetError as error:
            _log.error("background task %s failed: %s; hint: %s; it goes on in %g s", name, error, error.hint, every_s)
        except Exception:  # noqa: BLE001 - the guard of a background task
            _log.exception("background task %s failed; it goes on in %g s", name, every_s)
        await clock.sleep(every_s)


@asynccontextmanager
async def background(**tasks: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run named tasks for the length of a block and cancel them at its end."""
    running = [asyncio.create_task(task, name=name) for name, task in tasks.items()]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def until(
    condition: Callable[[], Awaitable[bool]],
    *,
    timeout_s: float,
    every_s: float = 0.05,
    clock: Clock | None = None,
) -> bool:
    """Ask until a condition holds or the time is over; say which."""
    clock = clock or SystemClock()
    end = clock.monotonic() + timeout_s
    while not await condition():
        if clock.monotonic() >= end:
            return False
        await clock.sleep(every_s)
    return True
