"""What is asked of systemd for a server's scope, and how its groups are read."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from hubfleet._kit.process import Finished
from hubfleet.agent.launchers.groups import Limits
from hubfleet.agent.launchers.scopes import Scopes, slice_name
from hubfleet.errors import LaunchError

LABEL = "hubfleet-0a1b2c3d"
LIMITS = Limits(memory_gib=2, memory_guarantee_gib=0.5, cpu=1.5, cpu_guarantee=0.25, processes=512)


class FakeSystemd:
    """Makes and removes scopes' folders as systemd does, in a tree of its own."""

    def __init__(self, root: Path, *, version: int) -> None:
        self.asked: list[Sequence[str]] = []
        self.refuses = ""
        self.sticks = False
        names = ("memory", "cpu", "pids", "systemd", "unified") if version == 1 else ("",)
        self.trees = [root / name for name in names]
        for tree in self.trees:
            tree.mkdir(exist_ok=True)
        if version == 2:
            (root / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")

    def __call__(self, command: Sequence[str]) -> Finished:
        self.asked.append(command)
        if self.refuses:
            return Finished(1, "", f"first\n{self.refuses}\n")
        name = next((item.removeprefix("--unit=") for item in command if item.startswith("--unit=")), command[-1])
        for tree in self.trees:
            scope = tree / slice_name(LABEL) / name
            if command[0] == "systemd-run":
                scope.mkdir(parents=True)
                (scope / "cgroup.procs").write_text("")
            elif command[1] == "stop" and scope.is_dir() and not self.sticks:
                (scope / "cgroup.procs").unlink()
                (scope / "memory.oom_control").unlink(missing_ok=True)
                scope.rmdir()
        return Finished(0, "", "")


@pytest.fixture(params=[1, 2])
def version(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def systemd(tmp_path: Path, version: int) -> FakeSystemd:
    return FakeSystemd(tmp_path, version=version)


@pytest.fixture
def scopes(tmp_path: Path, systemd: FakeSystemd) -> Scopes:
    return Scopes.detect(LABEL, tmp_path, systemd)


def test_a_scope_gets_all_limits(scopes: Scopes, systemd: FakeSystemd) -> None:
    """In the agent's slice, delegated, dropped when it is over, and with room for the process that keeps it."""
    scopes.make("one", LIMITS)
    command = systemd.asked[-1]
    assert {
        "--scope",
        "--collect",
        f"--unit={LABEL}-one.scope",
        "--slice=hubfleet_0a1b2c3d.slice",
        "--property=MemoryMax=2147483648",
        "--property=MemorySwapMax=0",
        "--property=MemoryLow=536870912",
        "--property=CPUQuota=150%",
        "--property=CPUWeight=25",
        "--property=TasksMax=513",
        "--property=Delegate=yes",
    } <= set(command)


def test_a_scope_that_is_there_gets_its_limits_again(scopes: Scopes, systemd: FakeSystemd) -> None:
    """A second one of the same name would be refused."""
    scopes.make("one", LIMITS)
    scopes.make("one", LIMITS)
    assert systemd.asked[-1][:4] == ["systemctl", "set-property", "--runtime", f"{LABEL}-one.scope"]
    assert "MemoryMax=2147483648" in systemd.asked[-1]


def test_what_systemd_refuses_is_told(scopes: Scopes, systemd: FakeSystemd) -> None:
    """With its own last words."""
    systemd.refuses = "Failed to start transient scope unit: no"
    with pytest.raises(LaunchError, match="Failed to start transient scope unit: no"):
        scopes.make("one", LIMITS)


def test_a_process_joins_every_tree(scopes: Scopes, version: int) -> None:
    """Also those in which systemd keeps track, or it would drop a scope in which something runs."""
    scopes.make("one", LIMITS)
    joined = {path.parents[2].name for path in scopes.join_files("one")}
    assert len(scopes.join_files("one")) == (5 if version == 1 else 1)
    assert version == 2 or joined == {"memory", "cpu", "pids", "systemd", "unified"}


def test_scopes_are_found_by_their_names_alone(scopes: Scopes, tmp_path: Path, systemd: FakeSystemd) -> None:
    """An agent that comes back finds them; what is another's is not among them."""
    scopes.make("one", LIMITS)
    (systemd.trees[0] / slice_name(LABEL) / "other.scope").mkdir()
    assert Scopes.detect(LABEL, tmp_path, systemd).servers() == {"one"}
    assert Scopes.detect("hubfleet-ffffffff", tmp_path, systemd).servers() == set()


def test_the_kernels_count_is_read_from_the_scope(scopes: Scopes, version: int) -> None:
    """As long as the scope is there."""
    scopes.make("one", LIMITS)
    group = scopes.folders["memory"] / f"{LABEL}-one.scope"
    assert scopes.out_of_memory("one") == 0
    (group / ("memory.events" if version == 2 else "memory.oom_control")).write_text("oom 3\noom_kill 2\n")
    assert scopes.out_of_memory("one") == 2


def test_a_removed_scope_is_gone_from_every_tree(scopes: Scopes, systemd: FakeSystemd) -> None:
    """Asked for once; for a scope that is not there, not at all."""
    scopes.make("one", LIMITS)
    assert scopes.remove("one")
    assert scopes.servers() == set()
    asked = len(systemd.asked)
    assert scopes.remove("one")
    assert len(systemd.asked) == asked


def test_a_scope_that_stays_is_told(scopes: Scopes, systemd: FakeSystemd) -> None:
    """Nobody believes that a server is gone whose processes are there."""
    scopes.make("one", LIMITS)
    systemd.sticks = True
    assert not scopes.remove("one", timeout_s=0)


def test_the_slice_goes_with_the_last_server(scopes: Scopes, systemd: FakeSystemd) -> None:
    """Stopping it earlier would end servers."""
    scopes.make("one", LIMITS)
    scopes.close()
    assert len(systemd.asked) == 1
    scopes.remove("one")
    scopes.close()
    assert systemd.asked[-1] == ["systemctl", "stop", "hubfleet_0a1b2c3d.slice"]
