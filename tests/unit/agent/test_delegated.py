"""Where control groups of version 2 are made, on a tree that follows the kernel's rules."""

import errno
from pathlib import Path

import pytest

from hubfleet.agent.launchers.delegated import ASIDE, CONTROLLERS, Tree

LABEL = "hubfleet-0a1b2c3d"
ALL = "cpuset cpu io memory pids"


class FakeKernel:
    """A tree of control groups of version 2."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.refused: set[str] = set()
        self.starting: list[int] = []
        self.threaded: set[Path] = set()
        """Where `cpu` or `pids` was handed on while something ran: of no use to anybody who is below."""

    def group(self, name: str, offered: str, *pids: int, top: bool = False) -> Path:
        """Make a group with what may be handed on and what runs in it; only the true top has no type."""
        made = self.root / name
        made.mkdir(parents=True)
        (made / "cgroup.controllers").write_text(offered)
        (made / "cgroup.subtree_control").write_text("")
        (made / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in pids))
        if not top:
            (made / "cgroup.type").write_text("domain\n")
        return made

    def write(self, path: Path, value: str) -> None:
        """Do what the kernel does when a file is written."""
        if path.name == "cgroup.procs":
            self._move(path.parent, value)
            return
        name, group = value.removeprefix("+"), path.parent
        if (group / "cgroup.type").exists() and running(group):
            if name == "memory":
                raise OSError(errno.EBUSY, "Device or resource busy")
            self.threaded.add(group)
        if group.parent in self.threaded:
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")
        if name in self.refused:
            raise OSError(errno.EINVAL, "Invalid argument")
        made_here = not (group / "cgroup.controllers").exists()
        if made_here and name not in (group.parent / path.name).read_text().split():
            raise OSError(errno.ENOENT, "No such file or directory")
        path.write_text(" ".join((*(path.read_text().split() if path.exists() else ()), name)))

    def tree(self, own: Path) -> Tree:
        """Return the tree as a process in a group sees it."""
        return Tree(self.root, own, self.write)

    def _move(self, group: Path, pid: str) -> None:
        if group.parent in self.threaded:
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")
        if pid in self.refused:
            raise PermissionError(errno.EACCES, "Permission denied")
        for procs in self.root.rglob("cgroup.procs"):
            left = [item for item in procs.read_text().split() if item != pid]
            # what is moved may start others meanwhile, where it was
            left += [str(self.starting.pop())] if self.starting and procs.parent == group.parent else []
            procs.write_text("".join(f"{item}\n" for item in left))
        with (group / "cgroup.procs").open("a") as moved:
            moved.write(f"{pid}\n")


@pytest.fixture
def kernel(tmp_path: Path) -> FakeKernel:
    return FakeKernel(tmp_path / "cgroup")


def running(group: Path) -> set[str]:
    """Return what runs in a group."""
    return set((group / "cgroup.procs").read_text().split())


def test_at_the_top_all_is_handed_on_whatever_runs_there(kernel: FakeKernel) -> None:
    """The true top is free of the rule, and nothing is moved."""
    top = kernel.group("", ALL, 1, 7, top=True)
    assert kernel.tree(top).find(LABEL) == dict.fromkeys(CONTROLLERS, top / LABEL)
    assert running(top) == {"1", "7"}


def test_the_top_that_a_container_sees_is_emptied_first(kernel: FakeKernel) -> None:
    """It is a group like any other: what ran in it, and what that starts meanwhile, goes on beside the servers."""
    top = kernel.group("", "memory pids", 1, 7)
    kernel.starting = [8, 9]
    assert kernel.tree(top).find(LABEL) == {"memory": top / LABEL, "pids": top / LABEL}
    assert running(top) == set()
    assert running(top / ASIDE) == {"1", "7", "8", "9"}


@pytest.mark.parametrize("offered", ["cpu pids", "pids"])
def test_where_something_runs_nothing_is_handed_on_before_it_moved(kernel: FakeKernel, offered: str) -> None:
    """These two the kernel would hand on at once, and then let no server run below."""
    top = kernel.group("", offered, 1)
    assert set(kernel.tree(top).find(LABEL)) == set(offered.split())
    assert running(top / ASIDE) == {"1"}


def test_where_the_top_is_closed_the_own_group_is_used(kernel: FakeKernel) -> None:
    """As for an ordinary user to whom systemd left a group; a file in the way stands for the missing right."""
    (kernel.group("", ALL, 1, top=True) / LABEL).write_text("")
    own = kernel.group("user.slice/run-1.scope", "cpu memory pids", 7)
    assert kernel.tree(own).find(LABEL) == dict.fromkeys(CONTROLLERS, own / LABEL)
    assert running(own / ASIDE) == {"7"}


def test_an_agent_that_was_moved_finds_the_same_place_again(kernel: FakeKernel) -> None:
    """Another one of the same fleet, and those of other fleets, are started where it was moved to."""
    top = kernel.group("", ALL, 1, 7)
    first = kernel.tree(top).find(LABEL)
    again = kernel.tree(top / ASIDE)
    assert again.find(LABEL) == first
    assert set(again.find("hubfleet-ffffffff").values()) == {top / "hubfleet-ffffffff"}
    assert not (top / ASIDE / ASIDE).exists()


def test_what_may_not_be_moved_leaves_no_limits_and_no_folder(kernel: FakeKernel) -> None:
    """The group is as it was, and no limit is promised."""
    top = kernel.group("", ALL, 7)
    kernel.refused = {"7"}
    assert kernel.tree(top).find(LABEL) == {}
    assert running(top) == {"7"}
    assert not (top / LABEL).exists()


def test_one_controller_that_is_refused_costs_no_other(kernel: FakeKernel) -> None:
    """`cpu` is where a process with real-time priority runs outside the top."""
    top = kernel.group("", ALL, top=True)
    kernel.refused = {"cpu"}
    assert set(kernel.tree(top).find(LABEL)) == {"memory", "pids"}


def test_a_process_that_cannot_be_seen_from_here_is_not_mistaken_for_this_one(kernel: FakeKernel) -> None:
    """The kernel lists it as 0, and takes 0 for the one that writes."""
    top = kernel.group("", ALL, 0, 7)
    assert kernel.tree(top).find(LABEL) == {}
    assert running(top) == {"0", "7"}


@pytest.mark.parametrize(
    ("listed", "own"), [("0::/", ""), ("1:cpu:/x\n0::/user.slice/run-1.scope\n", "user.slice/run-1.scope")]
)
def test_the_own_group_is_read_from_the_kernels_list(tmp_path: Path, listed: str, own: str) -> None:
    """The line of version 2 is the one that counts."""
    (tmp_path / "listed").write_text(listed)
    assert Tree.here(tmp_path, tmp_path / "listed").own == tmp_path / own


def test_a_group_outside_of_what_can_be_seen_is_nobodys(kernel: FakeKernel) -> None:
    """In a control group namespace that somebody else made, the own group may lie above the top."""
    top = kernel.group("", ALL)
    assert kernel.tree(top / ".." / "elsewhere").find(LABEL) == {}
    assert not (top.parent / "elsewhere").exists()
