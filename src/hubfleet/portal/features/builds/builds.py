"""Builds of one hub: begun, followed, stopped, told of; each is a record first and only then the agent's."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from uuid import UUID, uuid4

from pydantic import SecretStr

from hubfleet._kit.clock import Clock
from hubfleet.errors import ProtocolError, RefusedError, UnreachableError
from hubfleet.model.repositories import taken
from hubfleet.model.settings.portal import PortalSettings
from hubfleet.portal.features.builds.agents import BuildAgent, following
from hubfleet.portal.features.builds.brought import Brought
from hubfleet.portal.features.builds.following import Follower
from hubfleet.portal.features.builds.sending import Sending
from hubfleet.portal.features.builds.turns import Turns
from hubfleet.portal.features.builds.views import NewBuild
from hubfleet.portal.people import Person
from hubfleet.protocol.builds import BuildEvent, BuildState
from hubfleet.records.entries import BuildEntry
from hubfleet.records.store import Records
from hubfleet.records.tables import Tables

_log = logging.getLogger(__name__)

AT_ONCE_MAX = 5
"""Unfinished builds of one person; a service may have more."""
RETRY_S = 5.0
"""After which a reader's events are asked of the agent again."""
RECORDED_S = 30.0
"""How long the last event waits for the record to say the same."""
LOG_S = 10.0
LOG_LINES_MAX = 2000


class Builds:
    """What builds do; whose they are is asked at each door."""

    def __init__(
        self,
        settings: PortalSettings,
        *,
        agents: Mapping[str, BuildAgent],
        records: Records,
        sending: Sending,
        brought: Brought,
        clock: Clock,
    ) -> None:
        self.clusters = {agent.cluster: agent.title for agent in settings.agents}
        """The hub's clusters and what people call them, the default first."""
        self._hub = settings.hub
        self._conda = settings.conda
        self._only, self._never = settings.repositories, settings.blocked_repositories
        self._agents = agents
        self._records = records
        self._sending = sending
        self._brought = brought
        self._clock = clock
        self._tasks: dict[UUID, asyncio.Task[None]] = {}
        self._turns = Turns()

    async def resume(self) -> None:
        """Follow what an earlier portal left unfinished."""
        for entry in await self._records.run(lambda tables: tables.unfinished()):
            if entry.cluster in self._agents:
                self._follow(entry, SecretStr(""))
            else:
                await self._end_without_cluster(entry)
        await self._sending.resume()

    async def begin(self, person: Person, wanted: NewBuild) -> BuildEntry:
        """Begin a build.

        Raises:
            RefusedError: the hub does not take the repository (403), it stands for another's files (404), there is no
                such cluster (422), or the person builds too much at once (429).
            StateError: it cannot be written down; nothing was begun.
        """
        if not taken(wanted.repository, only=self._only, never=self._never):
            raise RefusedError("this hub does not take this repository", status=403, hint="ask its admins")
        await self._brought.check(person, wanted.repository)
        cluster = wanted.cluster or next(iter(self._agents))
        self.agent(cluster)
        entry = BuildEntry(
            id=uuid4(),
            person=person.name,
            repository=wanted.repository,
            ref=wanted.ref,
            packages_until=wanted.packages_until,
            private=bool(wanted.token.get_secret_value()),
            cluster=cluster,
            message="waits for the cluster",
            created=self._clock.now(),
        )

        def work(tables: Tables) -> None:
            if not person.service and len(tables.unfinished(person.name)) >= AT_ONCE_MAX:
                raise RefusedError(
                    f"you have {AT_ONCE_MAX} builds that are not over yet", status=429, hint="wait for one, or stop one"
                )
            tables.add_build(entry)

        await self._records.run(work)
        _log.info("build %s: begun by %s on %s", entry.id, person.name, cluster)
        self._follow(entry, wanted.token)
        return entry

    async def builds(self, sees: str | None, *, search: str = "", limit: int) -> list[BuildEntry]:
        """Return one person's builds, or everybody's (None), newest first."""
        return await self._records.run(lambda tables: tables.builds(sees, search=search, limit=limit))

    async def build(self, person: Person, build: UUID) -> BuildEntry:
        """Return one build.

        Raises:
            RefusedError: there is none that this person may see (404).
        """
        entry = await self._records.run(lambda tables: tables.build(build))
        if entry is None or person.sees not in {None, entry.person}:
            raise RefusedError("there is no such build", status=404)
        return entry

    async def ended(self, entry: BuildEntry, *, within_s: float) -> BuildEntry:
        """Return a build once it is over, or as it is after some time, or when the portal ends."""
        if not within_s:
            return entry
        try:
            async with asyncio.timeout(within_s):
                while entry.ended is None and not self._turns.closed:
                    mark = self._turns.mark
                    entry = await self._reread(entry)
                    if entry.ended is None:
                        await self._turns.wait(mark, timeout_s=within_s)
        except TimeoutError:
            pass
        return entry

    def agent(self, cluster: str) -> BuildAgent:
        """Return a cluster's agent; that of the first one for an empty name.

        Raises:
            RefusedError: there is no such cluster (422).
        """
        found = self._agents.get(cluster or next(iter(self._agents)))
        if found is None:
            known = ", ".join(sorted(self._agents))
            raise RefusedError(f"this hub has no cluster {cluster[:60]!r}", status=422, hint=f"known: {known}")
        return found

    async def stop(self, person: Person, build: UUID) -> BuildEntry:
        """End a build, as soon as its cluster answers; one that is over stays as it is.

        Raises:
            RefusedError: there is none that this person may see (404).
        """
        entry = await self.build(person, build)
        if entry.ended is not None:
            return entry
        entry = await self._records.run(lambda tables: tables.change_build(build, stop_wanted=True))
        try:
            await self._agents[entry.cluster].stop_build(str(build))
        except UnreachableError:
            message = "it is stopped as soon as the cluster answers"
            entry = await self._records.run(lambda tables: tables.change_build(build, message=message))
        except ProtocolError as error:
            # not there yet, or over this moment: the task that follows it finds out which
            _log.info("build %s cannot be stopped yet: %s", build, error)
        self._turns.next()
        return entry

    async def forget(self, person: Person) -> bool:
        """Stop somebody's builds and remove what they have; say whether nothing is left."""
        for entry in await self._records.run(lambda tables: tables.unfinished(person.name)):
            if not entry.stop_wanted:
                await self.stop(person, entry.id)
        return await self._records.run(lambda tables: tables.forget(person.name))

    async def events(self, entry: BuildEntry, *, since: int) -> AsyncIterator[BuildEvent]:
        """Yield a build's events after a number as they come, and end after the last.

        What the portal itself has to say of it has no number (0): that the cluster does not answer, for example.
        """
        while not self._turns.closed:
            mark = self._turns.mark
            try:
                async for event in self._of_agent(entry, since):
                    yield event
                    since = event.seq
                    if event.state.over:
                        return
            except ProtocolError as error:
                _log.debug("events of build %s: %s", entry.id, error)
            entry = await self._reread(entry)
            if entry.ended is not None:
                if since < max(entry.seq, 1):
                    yield self._as_event(entry, entry.seq)
                return
            yield self._as_event(entry, 0)
            await self._turns.wait(mark, timeout_s=RETRY_S)

    async def log(self, entry: BuildEntry) -> list[BuildEvent]:
        """Return what is left of the log of a build that is over, at least its end."""
        said: list[BuildEvent] = []
        try:
            async with asyncio.timeout(LOG_S):
                async for event in self.events(entry, since=0):
                    said.append(event)
        except TimeoutError:
            _log.warning("the log of build %s takes too long to read", entry.id)
        return said[-LOG_LINES_MAX:]

    @property
    def ending(self) -> asyncio.Event:
        """Set when the portal ends, and readers must go."""
        return self._turns.ended

    def end_streams(self) -> None:
        """Let all readers go: the portal ends."""
        self._turns.close()

    async def close(self) -> None:
        """Follow no more; the builds themselves go on."""
        self.end_streams()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _of_agent(self, entry: BuildEntry, since: int) -> AsyncIterator[BuildEvent]:
        agent = self._agents.get(entry.cluster)
        if agent is None:
            return
        async with following(agent, str(entry.id), since=since) as events:
            async for event in events:
                if event.state.over:
                    await self._recorded(entry)
                yield event

    async def _recorded(self, entry: BuildEntry) -> None:
        """Wait until the record of a build says what its last event does: readers look at it next."""
        end = self._clock.monotonic() + RECORDED_S
        mark = self._turns.mark
        while (await self._reread(entry)).ended is None and self._clock.monotonic() < end and not self._turns.closed:
            await self._turns.wait(mark, timeout_s=RECORDED_S)
            mark = self._turns.mark

    async def _reread(self, entry: BuildEntry) -> BuildEntry:
        return await self._records.run(lambda tables: tables.build(entry.id)) or entry

    def _as_event(self, entry: BuildEntry, seq: int) -> BuildEvent:
        said = f"{entry.message}: {entry.hint}" if entry.hint else entry.message
        return BuildEvent(seq=seq, at=entry.ended or self._clock.now(), state=BuildState(entry.state), message=said)

    def _follow(self, entry: BuildEntry, token: SecretStr) -> None:
        follower = Follower(
            entry,
            hub=self._hub,
            conda=self._conda,
            agent=self._agents[entry.cluster],
            records=self._records,
            token=token,
            changed=self._turns.next,
            made=self._sending.send_made,
            brought=self._brought,
            clock=self._clock,
        )
        task = asyncio.get_running_loop().create_task(follower.run(), name=f"build-{entry.id}")
        self._tasks[entry.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(entry.id, None))

    async def _end_without_cluster(self, entry: BuildEntry) -> None:
        message = f"the cluster {entry.cluster!r} is no longer part of this hub"
        state, ended = BuildState.FAILED.value, self._clock.now()
        await self._records.run(
            lambda tables: tables.change_build(
                entry.id, state=state, message=message, hint="build it again", ended=ended
            )
        )
