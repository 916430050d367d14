"""Comparing what is recorded with what the cluster has: at the agent's start, and every few seconds."""

import logging
from collections.abc import Mapping
from dataclasses import replace

from hubfleet.agent.launchers.base import Health, Launcher, LauncherState
from hubfleet.agent.records import Record
from hubfleet.agent.starting import Change
from hubfleet.agent.store import Store
from hubfleet.agent.work import Works
from hubfleet.errors import TemporaryLaunchError
from hubfleet.protocol.messages import ServerState, StopReason

_log = logging.getLogger(__name__)

EVERY_S = 2.0


class Reconcile:
    """Keeps records and cluster together."""

    def __init__(self, *, store: Store, works: Works, launcher: Launcher) -> None:
        """Make it.

        Args:
            store: what is recorded.
            works: carries out what follows.
            launcher: asks the cluster.
        """
        self._store = store
        self._works = works
        self._launcher = launcher
        self._adopted = False

    async def round(self) -> None:
        """Ask the cluster once for all servers and carry on with each that is not where it is wanted.

        A cluster that does not answer, or answers nonsense, changes nothing.
        """
        records = await self._store.run(lambda tables: tables.servers(live=True))
        try:
            if not self._adopted:
                await self._adopt(records)
                self._adopted = True
                records = await self._store.run(lambda tables: tables.servers(live=True))
            resting = [record for record in records if record.launcher is not None and _at_rest(record)]
            resting = [record for record in resting if not self._works.busy(record.id)]
            healths = await self._launcher.check([self._works.state_of(record) for record in resting])
        except TemporaryLaunchError as error:
            _log.warning("the cluster cannot be asked: %s", error)
            self._works.cluster_ok = False
            return
        self._works.cluster_ok = True
        await self._apply(resting, healths)
        for record in records:
            if not _at_rest(record):
                self._works.begin(record.id)

    async def _adopt(self, records: list[Record]) -> None:
        """Take back what runs since before the agent's start, and end what nobody asked for.

        What carries our label is ours; so what has no record, or a record of its end, is a start or stop that was cut
        off.
        """
        known = {record.id: record for record in records}
        self._launcher.remember([record.launcher for record in records if record.launcher is not None])
        for state in await self._launcher.adopt():
            record = known.get(state.server)
            if record is None:
                _log.warning("server %s runs and has no record; it is ended", state.server)
                await self._launcher.stop(state)
            elif record.launcher is None:
                await self._works.change(state.server, _left_by(state), silent=True)

    async def _apply(self, records: list[Record], healths: Mapping[str, Health]) -> None:
        for record in records:
            health = healths.get(record.id)
            if health is None or health.state == "unknown":
                continue
            if health.state == "gone":
                await self._works.change(record.id, _gone(record, health))
                self._works.begin(record.id)
            elif health.notice != record.notice:
                await self._works.change(record.id, _noticed(health.notice))


def _at_rest(record: Record) -> bool:
    return record.desired == "run" and record.server.state is ServerState.RUNNING


def _left_by(state: LauncherState) -> Change:
    return lambda record: replace(record, launcher=state)


def _gone(seen: Record, health: Health) -> Change:
    def change(record: Record) -> Record | None:
        if record.launcher != seen.launcher or not _at_rest(record):
            return None
        reason = health.reason or StopReason.EXITED
        now = {
            "state": ServerState.STOPPING,
            "reason": reason,
            "message": health.message,
            "hint": health.hint,
            "progress": 0,
        }
        return replace(record, desired="stop", stop_reason=reason, server=record.server.model_copy(update=now))

    return change


def _noticed(notice: str) -> Change:
    def change(record: Record) -> Record | None:
        if not _at_rest(record):
            return None
        return replace(record, notice=notice, server=record.server.model_copy(update={"message": notice}))

    return change
