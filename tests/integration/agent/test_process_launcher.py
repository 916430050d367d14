"""The process launcher keeps the contract on this machine, with each network that can be had here."""

import os
from collections.abc import AsyncIterator
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from agents import SOFTWARE, private_range, server_request
from hubfleet.agent.environments.realise import PASSED_ON, Builder
from hubfleet.agent.environments.software import Environments, packaged_base_lock
from hubfleet.agent.launchers import bubblewrap, limiting
from hubfleet.agent.launchers.base import Launcher, LaunchRequest
from hubfleet.agent.launchers.isolated import IsolatedNetwork, IsolatedOptions
from hubfleet.agent.launchers.networks import Network, SharedNetwork
from hubfleet.agent.launchers.process import ProcessLauncher, ProcessOptions
from hubfleet.testing.launchers import LauncherContract

pytestmark = [pytest.mark.integration, pytest.mark.anyio]
AS_ROOT = os.geteuid() == 0
UID = 200_000 if AS_ROOT else os.geteuid()


async def _prefix() -> Path:
    builder = Builder(
        SOFTWARE / "environments",
        SOFTWARE / "cache",
        Path("/usr/bin/python3"),
        {name: os.environ[name] for name in PASSED_ON if name in os.environ},
        uid=UID if AS_ROOT else None,
        bwrap=bubblewrap.find(),
    )

    async def quiet(text: str) -> None:
        """Nobody listens."""

    return await Environments(builder, base_lock=packaged_base_lock()).prefix("base", quiet)


class _OnThisMachine(LauncherContract):
    @pytest.fixture(autouse=True)
    async def _machine(self, tmp_path: Path) -> AsyncIterator[None]:
        self._folder = tmp_path
        self._label = f"hubfleet-{os.urandom(4).hex()}"
        self._home = tmp_path / "home"
        self._home.mkdir()
        os.chown(self._home, UID, UID)
        self._software = await _prefix()
        self._own = self._network(private_range())
        await self._own.prepare()
        yield
        launcher = self.launcher()
        assert list(await launcher.adopt()) == []
        await launcher.close()

    def _network(self, addresses: IPv4Network) -> Network:
        raise NotImplementedError

    def launcher(self) -> Launcher:
        options = ProcessOptions(self._label, self._folder / "servers", Path("/usr"))
        return ProcessLauncher(options, network=self._own, cgroups=limiting.choose(self._label))

    def request(self, server: str) -> LaunchRequest:
        wanted = server_request("ocean", "ann")
        hub = f"http://{private_range()[1]}:9"
        return LaunchRequest(server, wanted, UID, self._home, self._software, hub_url=hub)


class TestShared(_OnThisMachine):
    """With the host's network."""

    def _network(self, addresses: IPv4Network) -> Network:
        return SharedNetwork("a test")


@pytest.mark.root
@pytest.mark.skipif(not AS_ROOT, reason="needs root")
class TestIsolated(_OnThisMachine):
    """With networks of their own."""

    def _network(self, addresses: IPv4Network) -> Network:
        return IsolatedNetwork(IsolatedOptions(self._label, addresses, ("169.254.0.0/16",), True))
