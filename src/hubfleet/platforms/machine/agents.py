"""What an operator asks of a machine's agents: what they can do, how many servers run, and to stop them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hubfleet.errors import PlatformError, ProtocolError
from hubfleet.platforms.machine import secrets
from hubfleet.platforms.machine.places import Places
from hubfleet.protocol.client import AgentClient
from hubfleet.protocol.messages import Capabilities, StopReason
from hubfleet.protocol.signing import CallerKey

SOFTWARE_S = 900.0
"""How long the base software may take to be made: some 300 MB from a package index."""
LOOK_S = 0.2
STOP_S = 60.0


@dataclass(frozen=True)
class Agents:
    """The agents of one data folder, called with the operator's key."""

    places: Places

    def capabilities(self, cluster: str) -> Capabilities:
        """Ask a cluster's agent what it can do.

        Raises:
            ProtocolError: it does not answer.
        """
        return asyncio.run(self._capabilities(cluster))

    def count_servers(self, cluster: str, hub: str) -> int:
        """Return how many servers of a hub run on a cluster; 0 where its agent does not answer."""
        try:
            return len(asyncio.run(self._live(cluster, hub)))
        except ProtocolError:
            return 0

    def stop_servers(self, cluster: str, hub: str = "") -> int:
        """Stop the servers of a hub, or all of a cluster, and wait until they are gone; return how many there were.

        Raises:
            ProtocolError: the agent does not answer.
            PlatformError: some do not stop in time.
        """
        return asyncio.run(self._stop_servers(cluster, hub))

    def await_software(self, cluster: str, tell: Callable[[str], None]) -> None:
        """Wait until a cluster's base software is made.

        Raises:
            PlatformError: it cannot be made, or not in time.
        """
        end = time.monotonic() + SOFTWARE_S
        while time.monotonic() < end:
            found = self.capabilities(cluster)
            if found.base == "ready":
                return
            if found.base == "failed":
                raise PlatformError(
                    f"the base software of cluster {cluster!r} could not be made: {found.base_detail}",
                    hint=f"read `hubfleet logs agent-{cluster}`; the package index must be reachable",
                )
            tell(found.base_detail or "making the base software")
            time.sleep(LOOK_S)
        raise PlatformError(f"the base software of cluster {cluster!r} was not made within {SOFTWARE_S / 60:g} minutes")

    @asynccontextmanager
    async def _agent(self, cluster: str) -> AsyncIterator[AgentClient]:
        key = CallerKey("operator", secrets.read(self.places, "operator/agent-key"))
        client = AgentClient(f"unix:{self.places.run}/agent-{cluster}.sock", cluster=cluster, key=key)
        try:
            yield client
        finally:
            await client.close()

    async def _capabilities(self, cluster: str) -> Capabilities:
        async with self._agent(cluster) as agent:
            return await agent.capabilities()

    async def _live(self, cluster: str, hub: str) -> list[str]:
        async with self._agent(cluster) as agent:
            found = (await agent.servers()).servers
        return [item.id for item in found if item.state.live and hub in {"", item.hub}]

    async def _stop_servers(self, cluster: str, hub: str) -> int:
        found = await self._live(cluster, hub)
        async with self._agent(cluster) as agent:
            for server in found:
                await agent.stop_server(server, StopReason.SHUTDOWN)
        try:
            async with asyncio.timeout(STOP_S):
                while await self._live(cluster, hub):
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            raise PlatformError(
                f"servers on cluster {cluster!r} did not stop within {STOP_S:g} s",
                hint=f"read `hubfleet logs agent-{cluster}`",
            ) from None
        return len(found)
