"""Sends what one cluster resolved to the hub's other clusters, so that an environment is the same everywhere.

What people brought goes there too: a server with these files may start on any of them.
"""

import logging
from collections.abc import Mapping
from datetime import timedelta

from hubfleet._kit.clock import Clock
from hubfleet.errors import ProtocolError, RefusedError, UnreachableError
from hubfleet.portal.features.builds.agents import BuildAgent
from hubfleet.portal.features.builds.brought import Brought
from hubfleet.records.store import Records
from hubfleet.records.tables import Tables

_log = logging.getLogger(__name__)

EVERY_S = 10.0
RECENT = timedelta(days=1)
"""What was made within this time before a start of the portal is sent again: it may not have arrived."""


class Sending:
    """Locks on their way to clusters; a cluster that is away gets them later."""

    def __init__(self, agents: Mapping[str, BuildAgent], records: Records, brought: Brought, clock: Clock) -> None:
        self._agents = agents
        self._brought = brought
        self._records = records
        self._clock = clock
        self._waiting: dict[tuple[str, str], str] = {}
        self._files_waiting: set[tuple[str, str]] = set()

    async def resume(self) -> None:
        """Find what an earlier portal may not have sent."""
        if len(self._agents) < 2:
            return
        since = self._clock.now() - RECENT

        def made(tables: Tables) -> list[tuple[str, str, str]]:
            found = [(entry, tables.build(entry.made_from)) for entry in tables.made_since(since)]
            return [(entry.digest, entry.lock, build.repository) for entry, build in found if build is not None]

        for digest, lock, repository in await self._records.run(made):
            self.send_made(digest, lock, repository, "")

    def send(self, digest: str, lock: str, made_on: str) -> None:
        """Send a lock to all clusters but the one where it was made; it goes with the next round."""
        self._waiting.update({(cluster, digest): lock for cluster in self._agents if cluster != made_on})

    def send_made(self, digest: str, lock: str, repository: str, made_on: str) -> None:
        """Send what a build has made, and what it was made of, where the portal has that."""
        self.send(digest, lock, made_on)
        self._files_waiting.update((cluster, repository) for cluster in self._agents if cluster != made_on)

    async def send_now(self, digest: str, cluster: str) -> None:
        """Send the lock of an environment, whoever has it, to one cluster.

        Raises:
            RefusedError: there is no such environment or cluster (404), or the cluster does not take it.
            UnreachableError: the cluster does not answer just now.
        """
        lock = await self._records.run(lambda tables: tables.lock(digest))
        if cluster not in self._agents or not lock:
            raise RefusedError("there is no such environment, or cluster", status=404)
        await self._agents[cluster].put_environment(digest, lock)

    async def round(self) -> None:
        """Send what waits."""
        for (cluster, digest), lock in list(self._waiting.items()):
            try:
                await self._agents[cluster].put_environment(digest, lock)
            except UnreachableError:
                continue
            except ProtocolError as error:
                _log.warning("cluster %s does not take environment %s: %s", cluster, digest[:12], error)
            del self._waiting[cluster, digest]
        for cluster, repository in list(self._files_waiting):
            try:
                await self._brought.hand_over(repository, self._agents[cluster])
            except UnreachableError:
                continue
            except ProtocolError as error:
                _log.warning("cluster %s does not take the files %s: %s", cluster, repository, error)
            self._files_waiting.discard((cluster, repository))
