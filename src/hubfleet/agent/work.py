"""Carrying out what is decided: one task per server that is not at rest, bounded starts, stops that are tried again.

What is wanted and what was reached is in the store, never only here: after a kill -9 the tasks begin again from it.
"""

import asyncio
import logging
from dataclasses import dataclass, field, replace

from hubfleet._kit.clock import Clock
from hubfleet.agent import readiness
from hubfleet.agent.bell import Bell
from hubfleet.agent.launchers.base import Launcher, LauncherState
from hubfleet.agent.places import Places
from hubfleet.agent.records import Record, without_secrets
from hubfleet.agent.starting import Change, InterruptedStart, ServerGone, Starter
from hubfleet.agent.store import Store
from hubfleet.agent.tables import Tables
from hubfleet.errors import LaunchError, StateError, TemporaryLaunchError
from hubfleet.model.settings.agent import AgentCeilings
from hubfleet.protocol.messages import ServerState, StopReason

_log = logging.getLogger(__name__)

STOP_PAUSES_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
STATE_PAUSE_S = 5.0


@dataclass
class _Work:
    """One server's task."""

    task: "asyncio.Task[None] | None" = None
    again: bool = True
    interrupted: asyncio.Event = field(default_factory=asyncio.Event)


class Works:
    """The tasks of servers that are not at rest."""

    def __init__(
        self,
        ceilings: AgentCeilings,
        *,
        store: Store,
        launcher: Launcher,
        places: Places,
        probe: readiness.Probe,
        bell: Bell,
        clock: Clock,
    ) -> None:
        """Make it.

        Args:
            ceilings: how many start at once and how long a start may take.
            store: what is wanted and what was reached.
            launcher: starts and stops.
            places: makes homes and environments.
            probe: asks whether a server answers.
            bell: rung after each change.
            clock: for pauses.
        """
        self._store = store
        self._launcher = launcher
        self._places = places
        self._bell = bell
        self._clock = clock
        self._starter = Starter(
            ceilings, launcher=launcher, places=places, probe=probe, change=self.change, clock=clock
        )
        self._works: dict[str, _Work] = {}
        self.cluster_ok = True
        """Whether the cluster could be asked lately."""

    def begin(self, server: str) -> None:
        """See that a server gets to where it is wanted; cheap if it is there or on its way."""
        work = self._works.setdefault(server, _Work())
        work.again = True
        if work.task is None:
            work.task = asyncio.create_task(self._guard(server, work), name=f"server {server}")

    def interrupt(self, server: str) -> None:
        """Let a start end at its next step: its stop was decided."""
        if server in self._works:
            self._works[server].interrupted.set()

    def busy(self, server: str) -> bool:
        """Say whether a task is at work for a server."""
        return server in self._works

    async def close(self) -> None:
        """End all tasks where they are; they begin again from the store."""
        tasks = [work.task for work in self._works.values() if work.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def change(self, server: str, change: Change, *, silent: bool = False) -> Record | None:
        """Change a record in one transaction, with an event unless `silent`; None from `change` leaves it.

        Returns:
            The record as it is then, or None if there is none.
        """
        now = self._clock.now()

        def carry_out(tables: Tables) -> Record | None:
            record = tables.server(server)
            changed = change(record) if record is not None else None
            if changed is None:
                return record
            if not silent:
                return tables.save(changed, now)
            tables.keep(changed)
            return changed

        record = await self._store.run(carry_out)
        if not silent:
            self._bell.ring()
        return record

    def state_of(self, record: Record) -> LauncherState:
        """Return what the launcher knows a server by, also where nothing of it is left."""
        return record.launcher or LauncherState(record.id, "", 0)

    async def _guard(self, server: str, work: _Work) -> None:
        try:
            while work.again:
                work.again = False
                work.interrupted.clear()
                try:
                    await self._drive(server, work)
                except StateError as error:
                    _log.error("server %s: %s; tried again in %g s", server, error, STATE_PAUSE_S)
                    await self._clock.sleep(STATE_PAUSE_S)
                    work.again = True
                except Exception:  # noqa: BLE001 - the guard of a background task
                    _log.exception("server %s: a fault of hubfleet's own", server)
                    await self._clock.sleep(STATE_PAUSE_S)
                    await self._fail(
                        server, "something went wrong inside hubfleet", "quote the server's id when asking"
                    )
                    work.again = True
        finally:
            # no await between the last look at `again` and this: a `begin` in between would be lost
            self._works.pop(server, None)

    async def _drive(self, server: str, work: _Work) -> None:
        record = await self._store.run(lambda tables: tables.server(server))
        if record is None or not record.live:
            return
        if record.desired == "stop" or record.server.state is ServerState.STOPPING:
            await self._finish(record)
        elif record.server.state is not ServerState.RUNNING:
            await self._launch(record, work)

    async def _launch(self, record: Record, work: _Work) -> None:
        # whatever comes of it, the task looks again at what is wanted; a server that runs is left alone there
        work.again = True
        try:
            await self._starter.start(record, work.interrupted)
        except InterruptedStart:
            return
        except ServerGone as gone:
            await self._fail(record.id, gone.health.message, gone.health.hint, gone.health.reason)
        except LaunchError as error:
            await self._fail(record.id, error.message, error.hint)

    async def _fail(self, server: str, message: str, hint: str, cause: StopReason | None = None) -> None:
        """Wish the end of a server that cannot start; what is left of it is removed before it counts as failed."""
        reason = cause if cause is StopReason.MEMORY else StopReason.FAILED

        def change(record: Record) -> Record | None:
            if record.desired == "stop":
                return None
            now = {"state": ServerState.STOPPING, "message": message, "hint": hint, "reason": reason}
            return replace(
                record, desired="stop", stop_reason=StopReason.FAILED, server=record.server.model_copy(update=now)
            )

        await self.change(server, change)

    async def _finish(self, record: Record) -> None:
        """Stop a server for good, trying for as long as it takes."""
        tries = 0
        reason = record.stop_reason
        grace = 0.0 if reason is StopReason.FAILED else 10.0
        while True:
            try:
                await self._launcher.stop(self.state_of(record), grace_s=grace)
                break
            except TemporaryLaunchError as error:
                pause = STOP_PAUSES_S[min(tries, len(STOP_PAUSES_S) - 1)]
                _log.warning("server %s does not stop (%s); tried again in %g s", record.id, error, pause)
                tries += 1
                await self._clock.sleep(pause)
        await self._places.release(record)
        await self.change(record.id, _ended)


def _ended(record: Record) -> Record | None:
    """Return a record whose server is gone: ended, or waiting to start again if that was asked for meanwhile."""
    if record.desired == "run":
        waiting = {"state": ServerState.QUEUED, "url": "", "message": "waiting for its turn", "hint": "", "progress": 0}
        return replace(record, launcher=None, notice="", server=record.server.model_copy(update=waiting))
    failed = record.stop_reason is StopReason.FAILED
    now: dict[str, object] = {"url": "", "progress": 0}
    now["state"] = ServerState.FAILED if failed else ServerState.STOPPED
    now["reason"] = record.server.reason or record.stop_reason
    if record.server.message == "stopping":
        now["message"] = ""
    return replace(
        record,
        launcher=None,
        notice="",
        request=without_secrets(record.request),
        server=record.server.model_copy(update=now),
    )
