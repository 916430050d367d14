"""What an agent says of its cluster: abilities, capacity, environments, homes, figures."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from hubfleet.agent.environments import locks
from hubfleet.agent.environments.realise import architecture
from hubfleet.agent.environments.software import BASE, Environments
from hubfleet.agent.launchers.base import HasCapacity, Launcher
from hubfleet.agent.refusals import CeilingError
from hubfleet.agent.store import Store
from hubfleet.errors import StateError
from hubfleet.model.settings.agent import AgentSettings
from hubfleet.protocol.messages import Ability, Capabilities, Capacity, EnvironmentState, Home, HomeList, ServerState

GIB = 1024**3


class ClusterFacts:
    """One cluster, as its agent sees it."""

    def __init__(
        self,
        settings: AgentSettings,
        *,
        store: Store,
        launcher: Launcher,
        environments: Environments,
        abilities: Sequence[Ability],
        version: str,
    ) -> None:
        """Make it.

        Args:
            settings: of the agent.
            store: for homes and servers.
            launcher: for capacity.
            environments: what is made here.
            abilities: what the launcher said at the agent's start.
            version: of hubfleet.
        """
        self._settings = settings
        self._store = store
        self._launcher = launcher
        self._environments = environments
        self._abilities = list(abilities)
        self.version = version

    def capabilities(self) -> Capabilities:
        """Return what the cluster can do."""
        base = self._environments.progress(BASE)
        return Capabilities(
            cluster=self._settings.cluster,
            launcher=self._launcher.name,
            version=self.version,
            architecture=architecture(),
            abilities=self._abilities,
            environments=self._environments.ready(),
            base=base.state,
            base_detail=base.detail,
            base_digest=self._environments.base_digest,
        )

    async def capacity(self) -> Capacity:
        """Return what there is and what is promised to servers."""
        live = await self._store.run(lambda tables: tables.servers(live=True))
        has = (
            await self._launcher.capacity()
            if isinstance(self._launcher, HasCapacity)
            else Capacity(cpu=0, memory_gib=0)
        )
        return has.model_copy(
            update={
                "cpu_used": sum(record.request.resources.cpu for record in live),
                "memory_gib_used": sum(record.request.resources.memory_gib for record in live),
                "servers": len(live),
                "servers_max": self._settings.ceilings.servers,
            }
        )

    async def put_environment(self, digest: str, text: str) -> EnvironmentState:
        """Begin to make an environment.

        Raises:
            CeilingError: the lock is none, or has another digest.
        """
        if len(text) > locks.MAX_LOCK_BYTES:
            raise CeilingError(f"the lock is larger than {locks.MAX_LOCK_BYTES:,} characters")
        try:
            lock = locks.canonical(text)
        except StateError as error:
            raise CeilingError(error.message) from error
        if locks.digest(lock) != digest:
            raise CeilingError("the lock has another digest", hint="send the SHA-256 of its canonical text")
        await self._environments.put(digest, lock)
        return self.environment(digest)

    def environment(self, digest: str) -> EnvironmentState:
        """Return how far an environment is."""
        progress = self._environments.progress(digest)
        return EnvironmentState(digest=digest, state=progress.state, detail=progress.detail, hint=progress.hint)

    async def homes(self, hub: str | None) -> HomeList:
        """Return the homes of one hub or of all."""
        rows = await self._store.run(lambda tables: tables.homes(hub))
        return HomeList(
            homes=[
                Home(
                    hub=home_hub,
                    person=person,
                    used_gib=None if used is None else used / GIB,
                    counted_at=None if counted is None else datetime.fromtimestamp(counted, UTC),
                )
                for home_hub, person, _, used, counted in rows
            ]
        )

    async def metrics(self) -> str:
        """Return figures as Prometheus reads them."""
        records = await self._store.run(lambda tables: tables.servers())
        counted = Counter((record.server.hub, record.server.state) for record in records)
        lines = ["# HELP hubfleet_servers Servers by hub and state.", "# TYPE hubfleet_servers gauge"]
        for hub in sorted({hub.name for hub in self._settings.hubs} | {record.server.hub for record in records}):
            for state in ServerState:
                lines.append(f'hubfleet_servers{{hub="{hub}",state="{state}"}} {counted[hub, state]}')
        _, last = await self._store.run(lambda tables: tables.event_range())
        lines += ["# HELP hubfleet_events_total Events since the agent's store was made."]
        lines += ["# TYPE hubfleet_events_total counter", f"hubfleet_events_total {last}"]
        ready = len(self._environments.ready())
        lines += ["# HELP hubfleet_environments Environments that are complete here."]
        lines += ["# TYPE hubfleet_environments gauge", f"hubfleet_environments {ready}"]
        return "\n".join(lines) + "\n"
