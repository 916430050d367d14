"""The contract of a server's network on one machine, and the plainest one: the host's own, shared by all."""

import socket
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from hubfleet._kit.process import ProcessId
from hubfleet.protocol.messages import Ability

HOST_RESOLV_CONF = (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf"))


class Network(ABC):
    """Gives servers their network. What `plan` returns is saved before `attach` makes anything of it.

    Facts are this network's own words: `address` and `port` (where the server listens, as it sees it) and whatever
    `detach` needs.
    """

    unshare: bool
    """Whether the sandbox gets a network namespace of its own."""

    @abstractmethod
    async def prepare(self) -> None:
        """Make what all servers share; called at each start of the agent, while servers may run.

        Raises:
            LaunchError: it cannot be had here.
        """

    @abstractmethod
    async def ability(self) -> Ability:
        """Say how far servers are kept apart."""

    @abstractmethod
    def plan(self, server: str, hub_address: tuple[str, int], taken: Collection[Mapping[str, str]]) -> dict[str, str]:
        """Choose a server's address, different from those of the facts in `taken`; makes nothing.

        Raises:
            TemporaryLaunchError: all are taken.
        """

    @abstractmethod
    async def attach(self, facts: Mapping[str, str], init: ProcessId) -> None:
        """Connect a held sandbox; may be called for it once."""

    @abstractmethod
    async def detach(self, facts: Mapping[str, str]) -> None:
        """Remove what `attach` made; silent if it is gone or was never made."""

    @abstractmethod
    async def found(self) -> Mapping[str, Mapping[str, str]]:
        """Return server -> facts of all that carries the agent's label."""

    async def remove(self) -> None:  # noqa: B027 - most make nothing
        """Remove what all servers share; called when none is left."""

    @abstractmethod
    def url(self, facts: Mapping[str, str]) -> str:
        """Return how hub and proxy reach the server."""

    @abstractmethod
    def name_servers(self) -> Sequence[str]:
        """Return the DNS servers that a server asks."""

    def hub_address(self, address: str, port: int) -> str:
        """Return host:port of the hub's internal listener as a server reaches it."""
        return f"{address}:{port}"


class SharedNetwork(Network):
    """The host's network: servers listen on loopback and can reach each other's ports."""

    unshare = False

    def __init__(self, why: str) -> None:
        """Make it.

        Args:
            why: why servers have no network of their own, in words for an operator.
        """
        self._why = why

    async def prepare(self) -> None:
        """Do nothing."""

    async def ability(self) -> Ability:
        """Say that people can reach each other's ports."""
        return Ability(name="network", state="none", detail=f"people can reach each other's ports: {self._why}")

    def plan(self, server: str, hub_address: tuple[str, int], taken: Collection[Mapping[str, str]]) -> dict[str, str]:
        """Choose a free port of the loopback address."""
        ports = {facts.get("port") for facts in taken}
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = str(probe.getsockname()[1])
            if port not in ports:
                return {"address": "127.0.0.1", "port": port}

    async def attach(self, facts: Mapping[str, str], init: ProcessId) -> None:
        """Do nothing."""

    async def detach(self, facts: Mapping[str, str]) -> None:
        """Do nothing."""

    async def found(self) -> Mapping[str, Mapping[str, str]]:
        """Return nothing: nothing is left behind."""
        return {}

    def url(self, facts: Mapping[str, str]) -> str:
        """Return the loopback address with the server's port."""
        return f"http://{facts['address']}:{facts['port']}"

    def name_servers(self) -> Sequence[str]:
        """Return the host's own, loopback ones included."""
        return host_name_servers(loopback=True)


def host_name_servers(*, loopback: bool, files: Sequence[Path] = HOST_RESOLV_CONF) -> list[str]:
    """Return the host's DNS servers; without loopback ones where a server could not reach those."""
    for path in files:
        try:
            lines = path.read_text().splitlines()
        except OSError:
            continue
        found = [line.split()[1] for line in lines if line.startswith("nameserver ") and len(line.split()) > 1]
        kept = [item for item in found if loopback or not (item.startswith("127.") or item == "::1")]
        if kept:
            return kept
    return []
