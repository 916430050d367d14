"""One start, from its place in the queue to a server that answers."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Protocol, TypeVar

from hubfleet._kit.clock import Clock
from hubfleet.agent import readiness
from hubfleet.agent.launchers import causes
from hubfleet.agent.launchers.base import Health, Launcher, LauncherState
from hubfleet.agent.places import Places
from hubfleet.agent.records import Record
from hubfleet.errors import LaunchError, TemporaryLaunchError
from hubfleet.model.settings.agent import AgentCeilings
from hubfleet.protocol.messages import ServerState

_log = logging.getLogger(__name__)

T = TypeVar("T")
Change = Callable[[Record], Record | None]

RETRY_PAUSES_S = (0.5, 2.0)
"""Pauses before a start that may work later is tried again."""
PROBE_EVERY_S = 0.1
CHECK_EVERY_S = 1.0


class InterruptedStart(Exception):
    """The server shall not start any more."""


class ServerGone(Exception):
    """The server ended before it answered."""

    def __init__(self, health: Health) -> None:
        super().__init__(health.message)
        self.health = health


class SaveChange(Protocol):
    """Changes a record in the store, in one transaction."""

    async def __call__(self, server: str, change: Change, *, silent: bool = False) -> Record | None:
        """Return the record as it is then."""


class Starter:
    """Starts servers, as many at once as the cluster allows."""

    def __init__(
        self,
        ceilings: AgentCeilings,
        *,
        launcher: Launcher,
        places: Places,
        probe: readiness.Probe,
        change: SaveChange,
        clock: Clock,
    ) -> None:
        """Make it.

        Args:
            ceilings: how many start at once and how long a start may take.
            launcher: starts.
            places: makes homes and environments.
            probe: asks whether a server answers.
            change: changes records.
            clock: for pauses.
        """
        self._ceilings = ceilings
        self._launcher = launcher
        self._places = places
        self._probe = probe
        self._change = change
        self._clock = clock
        self._slots = asyncio.Semaphore(ceilings.starts)

    async def start(self, record: Record, interrupted: asyncio.Event) -> None:
        """Start a server when it is its turn, and see it through until it answers.

        Raises:
            InterruptedStart: its stop was asked for.
            ServerGone: it ended before it answered.
            LaunchError: it cannot be started.
        """
        async with self._turn(interrupted):
            if not await self._continued(record, interrupted):
                state = await self._started(record.id, interrupted)
                await self._wait_ready(state, record, interrupted)

    @asynccontextmanager
    async def _turn(self, interrupted: asyncio.Event) -> AsyncIterator[None]:
        await _unless(interrupted, self._slots.acquire())
        try:
            yield
        finally:
            self._slots.release()

    async def _continued(self, record: Record, interrupted: asyncio.Event) -> bool:
        """Wait for a server that an earlier life of the agent started; say whether there is one."""
        if record.launcher is None or not record.launcher.url:
            return False
        try:
            # first of all whether it is there: at the address of a server that is gone somebody else may answer
            await self._look(record.launcher)
            await self._wait_ready(record.launcher, record, interrupted)
        except ServerGone:
            _log.info("server %s: its start was cut off; it begins again", record.id)
            return False
        return True

    async def _started(self, server: str, interrupted: asyncio.Event) -> LauncherState:
        for pause_s in RETRY_PAUSES_S:
            try:
                return await self._try(server, interrupted)
            except TemporaryLaunchError as error:
                _log.warning("server %s: %s; tried again", server, error)
                await _unless(interrupted, self._clock.sleep(pause_s))
        return await self._try(server, interrupted)

    async def _try(self, server: str, interrupted: asyncio.Event) -> LauncherState:
        record = await self._progress(server, "preparing software")
        if record.launcher is not None:
            await self._launcher.stop(record.launcher, grace_s=0)

        async def say(text: str) -> None:
            await self._progress(server, text)

        request = await _unless(interrupted, self._places.prepare(record, say))
        if interrupted.is_set():
            raise InterruptedStart
        state: LauncherState | None = None
        steps = self._launcher.start(request)
        try:
            async for state in steps:
                await self._reached(server, state)
                if interrupted.is_set():
                    raise InterruptedStart
        finally:
            close = getattr(steps, "aclose", None)
            if close is not None:
                await close()
        if state is None or not state.url:
            raise LaunchError("the launcher started nothing")
        return state

    async def _progress(self, server: str, text: str) -> Record:
        def change(record: Record) -> Record | None:
            if record.desired == "stop":
                return None
            now = {"state": ServerState.STARTING, "progress": 0, "message": text, "hint": "", "reason": None}
            return replace(record, server=record.server.model_copy(update=now))

        record = await self._change(server, change)
        if record is None or record.desired == "stop":
            raise InterruptedStart
        return record

    async def _reached(self, server: str, state: LauncherState) -> None:
        def change(record: Record) -> Record:
            now: dict[str, object] = {"progress": state.progress, "message": state.step, "url": state.url}
            if record.desired == "run":
                now["state"] = ServerState.STARTING
            return replace(record, launcher=state, server=record.server.model_copy(update=now))

        await self._change(server, change)

    async def _wait_ready(self, state: LauncherState, record: Record, interrupted: asyncio.Event) -> None:
        path = readiness.path_of(record.request.variables.get("JUPYTERHUB_SERVICE_PREFIX", "/"))
        end = self._clock.monotonic() + self._ceilings.start_timeout_s
        look = self._clock.monotonic() + CHECK_EVERY_S
        while not await self._probe(state.url, path):
            if interrupted.is_set():
                raise InterruptedStart
            if self._clock.monotonic() >= look:
                await self._look(state)
                look = self._clock.monotonic() + CHECK_EVERY_S
            if self._clock.monotonic() >= end:
                message, hint = causes.of_log(await self._launcher.logs(state, lines=60))
                late = f"the server did not answer within {self._ceilings.start_timeout_s:g} s"
                raise LaunchError(message or late, hint=hint or "start it again; see its log")
            await self._clock.sleep(PROBE_EVERY_S)
        used_gib, notice = await self._places.home_notice(record)

        def running(record: Record) -> Record | None:
            if record.desired == "stop":
                return None
            now = {"state": ServerState.RUNNING, "progress": 100, "message": notice, "hint": "", "url": state.url}
            return replace(record, server=record.server.model_copy(update={**now, "home_used_gib": used_gib}))

        await self._change(record.id, running)

    async def _look(self, state: LauncherState) -> None:
        try:
            health = (await self._launcher.check([state])).get(state.server)
        except TemporaryLaunchError:
            return
        if health is not None and health.state == "gone":
            raise ServerGone(health)


async def _unless(event: asyncio.Event, work: Awaitable[T]) -> T:
    """Wait for work, unless an event comes first; the work is cancelled then."""
    doing = asyncio.ensure_future(work)
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait([doing, waiting], return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise InterruptedStart
        # what is done counts, even if the event came as well: a slot that was got must be given back
        return doing.result()
    finally:
        waiting.cancel()
        if not doing.done():
            doing.cancel()
            await asyncio.gather(doing, return_exceptions=True)
