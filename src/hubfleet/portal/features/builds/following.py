"""Carries one build from its record to its end, through restarts of the portal and absences of its agent."""

import hashlib
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Unpack

from pydantic import SecretStr

from hubfleet._kit.clock import Clock
from hubfleet.errors import HubfleetError, ProtocolError, RefusedError, UnreachableError
from hubfleet.model.features import CondaFrom
from hubfleet.portal.features.builds.agents import BuildAgent, following
from hubfleet.portal.features.builds.brought import Brought
from hubfleet.protocol.builds import Build, BuildEvent, BuildRequest, BuildState
from hubfleet.records.entries import BuildChanges, BuildEntry, EnvironmentEntry
from hubfleet.records.store import Records
from hubfleet.records.tables import Tables, repository_name

_log = logging.getLogger(__name__)

PAUSE_S = 5.0
"""Between two attempts to reach an agent."""
WRITE_EVERY_S = 1.0
"""Lines of a build's log reach its record no more often than this; its steps always do."""
SAID_MAX = 2000
"""Characters of a message; a tool may write a whole file in one line."""
_AGAIN_LATER = frozenset({408, 425, 429, 502, 503, 504, 507})
_GONE = 404
_TOKEN_LOST = "the portal was started again before the cluster had the repository's token, which is kept nowhere"  # noqa: S105 - a message


class Follower:
    """One build, followed by one task."""

    def __init__(
        self,
        entry: BuildEntry,
        *,
        hub: str,
        conda: CondaFrom,
        agent: BuildAgent,
        records: Records,
        token: SecretStr,
        changed: Callable[[], None],
        made: Callable[[str, str, str, str], None],
        brought: Brought,
        clock: Clock,
    ) -> None:
        """Prepare to follow.

        Args:
            entry: the build's record.
            hub: the hub's name.
            conda: where its conda packages are from.
            agent: of the build's cluster.
            records: the portal's own.
            token: for a private repository; empty after a restart, since it is kept nowhere.
            changed: called after each change of the record.
            made: called with digest, lock, repository and cluster of a new environment.
            brought: knows the files that people bring.
            clock: what pauses are counted on.
        """
        self._entry = entry
        self._id = str(entry.id)
        self._hub = hub
        self._conda = conda
        self._agent = agent
        self._records = records
        self._token = token
        self._changed = changed
        self._made = made
        self._brought = brought
        self._clock = clock
        self._written_at = -WRITE_EVERY_S

    async def run(self) -> None:
        """Follow until the record says that the build is over; whatever goes wrong, it is tried again."""
        while True:
            try:
                if await self._attempt():
                    return
            except HubfleetError as error:
                _log.error("build %s: %s; hint: %s; it goes on in %g s", self._id, error, error.hint, PAUSE_S)
            except Exception:  # noqa: BLE001 - the guard of a background task
                _log.exception("build %s failed to be followed; it goes on in %g s", self._id, PAUSE_S)
            await self._clock.sleep(PAUSE_S)

    async def _attempt(self) -> bool:
        """Go as far as it goes now, and say in the record why it goes no further; say whether it is over."""
        try:
            return await self._round()
        except UnreachableError as error:
            _log.warning("build %s waits: %s", self._id, error)
            await self._told("the cluster does not answer just now; this goes on as soon as it does", "")
            return False
        except RefusedError as error:
            over = error.status not in _AGAIN_LATER
            if over:
                await self._over(BuildState.FAILED, {"message": error.message, "hint": error.hint})
            else:
                await self._told(error.message, error.hint)
            return over

    async def _round(self) -> bool:
        """Bring the build to its agent, or find it there, and follow it; say whether it is over."""
        entry = await self._read()
        if entry.ended is not None:
            return True
        if not await self._there(entry):
            return True
        try:
            build = await self._followed(since=entry.seq)
        except RefusedError as error:
            if error.status != _GONE:
                raise
            # the agent lost what it had, or never got it: the next round brings it there again
            _log.warning("build %s is not at its agent any more", self._id)
            return False
        if build.state.over:
            await self._finished(build)
        return build.state.over

    async def _followed(self, *, since: int) -> Build:
        """Note what comes until no more does, and return how the build is then."""
        if (await self._read()).stop_wanted:
            await self._agent.stop_build(self._id)
        async with following(self._agent, self._id, since=since) as events:
            async for event in events:
                if event.state.over:
                    break
                await self._noted(event)
        return await self._agent.build(self._id)

    async def _there(self, entry: BuildEntry) -> bool:
        """Make sure that the agent has the build; where it cannot have it any more, end the record."""
        unsendable = entry.private and not self._token.get_secret_value()
        if not entry.stop_wanted and not unsendable:
            request = BuildRequest(
                hub=self._hub,
                repository=entry.repository,
                ref=entry.ref,
                packages_until=entry.packages_until,
                conda=self._conda,
                token=self._token,
            )
            await self._brought.hand_over(entry.repository, self._agent)
            await self._agent.start_build(self._id, request)
            return True
        try:
            await self._agent.build(self._id)
        except RefusedError as error:
            if error.status != _GONE:
                raise
            if entry.stop_wanted:
                await self._over(BuildState.STOPPED, {"message": "stopped before it began", "hint": ""})
            else:
                await self._over(BuildState.FAILED, {"message": _TOKEN_LOST, "hint": "give the token again"})
            return False
        return True

    async def _noted(self, event: BuildEvent) -> None:
        now = self._clock.monotonic()
        step = event.state != self._entry.state
        if not step and now < self._written_at + WRITE_EVERY_S:
            return
        self._written_at = now
        changes: BuildChanges = {
            "state": event.state.value,
            "message": event.message[:SAID_MAX],
            "hint": "",
            "seq": event.seq,
        }
        if step:
            build = await self._agent.build(self._id)
            changes |= {"commit": build.commit, "files": build.files, "digest": build.digest}
        if self._entry.started is None and event.state is not BuildState.QUEUED:
            changes["started"] = self._clock.now()
        await self._write(**changes)

    async def _finished(self, build: Build) -> None:
        if build.state is BuildState.READY and build.digest != hashlib.sha256(build.lock.encode()).hexdigest():
            raise ProtocolError("the agent's lock is not the one that its digest names")
        changes: BuildChanges = {
            "message": build.message[:SAID_MAX],
            "hint": build.hint[:SAID_MAX],
            "commit": build.commit,
            "files": build.files,
            "digest": build.digest,
            "seq": build.seq,
        }
        await self._over(build.state, changes, build if build.state is BuildState.READY else None)
        if build.state is BuildState.READY:
            self._made(build.digest, build.lock, self._entry.repository, self._entry.cluster)

    async def _over(self, state: BuildState, changes: BuildChanges, made: Build | None = None) -> None:
        """End the record, and write the environment down with it."""
        now = self._clock.now()

        def work(tables: Tables) -> BuildEntry:
            last: BuildChanges = {**changes, "state": state.value, "ended": now}
            ended = tables.change_build(self._entry.id, **last)
            if made is not None:
                tables.make_environment(_environment(ended, made, now))
            return ended

        self._entry = await self._records.run(work)
        self._changed()
        _log.info("build %s: %s", self._id, state.value)

    async def _told(self, message: str, hint: str) -> None:
        if (message, hint) != (self._entry.message, self._entry.hint):
            await self._write(message=message, hint=hint)

    async def _write(self, **changes: Unpack[BuildChanges]) -> None:
        self._entry = await self._records.run(lambda tables: tables.change_build(self._entry.id, **changes))
        self._changed()

    async def _read(self) -> BuildEntry:
        found = await self._records.run(lambda tables: tables.build(self._entry.id))
        self._entry = found or self._entry
        return self._entry


def _environment(entry: BuildEntry, made: Build, now: datetime) -> EnvironmentEntry:
    return EnvironmentEntry(
        digest=made.digest,
        name=repository_name(entry.repository),
        owner=entry.person,
        lock=made.lock,
        packages_until=made.packages_until,
        made_from=entry.id,
        created=now,
    )
