"""A server's process id that belongs to another process now, as after a reboot: nothing wrong is ended."""

import os
from pathlib import Path

import pytest

from hubfleet._kit.process import ProcessId, boot_id
from hubfleet.agent.launchers.base import LauncherState
from hubfleet.agent.launchers.cgroup import Cgroups
from hubfleet.agent.launchers.networks import SharedNetwork
from hubfleet.agent.launchers.process import ProcessLauncher, ProcessOptions

pytestmark = pytest.mark.anyio
SERVER = "0c5f1a52-0000-5000-8000-00000000000a"


@pytest.fixture
def launcher(tmp_path: Path) -> ProcessLauncher:
    """A launcher that has started nothing."""
    options = ProcessOptions(f"hubfleet-{os.urandom(4).hex()}", tmp_path, Path("/usr"))
    return ProcessLauncher(options, network=SharedNetwork("a test"), cgroups=Cgroups(options.label, {}, 1))


def _state(found: ProcessId, *, later: int = 0, boot: str = "") -> LauncherState:
    """Return a record that names a process as both of a server's."""
    named = f"{found.pid}:{found.start_ticks + later}"
    return LauncherState(SERVER, "made", 60, {"boot": boot or boot_id(), "init": named, "monitor": named})


async def test_the_recorded_process_itself_is_ended(launcher: ProcessLauncher, stranger: ProcessId) -> None:
    """With the right start time and boot it would be: so the tests below can fail."""
    state = _state(stranger)
    assert (await launcher.check([state]))[SERVER].state == "running"
    await launcher.stop(state, grace_s=0)
    assert not stranger.alive()


@pytest.mark.parametrize("changes", [{"later": 1}, {"boot": "another"}])
async def test_a_reused_id_is_left_alone(
    launcher: ProcessLauncher, stranger: ProcessId, changes: dict[str, object]
) -> None:
    """Another start time, or another boot with the same one: the server counts as gone, the process lives."""
    state = _state(stranger, **changes)  # type: ignore[arg-type]
    assert (await launcher.check([state]))[SERVER].state == "gone"
    await launcher.stop(state, grace_s=0)
    assert stranger.alive()


async def test_after_a_reboot_the_person_is_told_so(launcher: ProcessLauncher, stranger: ProcessId) -> None:
    """The reason is the restart of the machine, not a fault of theirs."""
    health = (await launcher.check([_state(stranger, boot="another")]))[SERVER]
    assert health.message == "the machine was restarted"
