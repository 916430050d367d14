"""A real systemd for tests, booted in a container with a root file system and control groups of its own.

It is never booted on the machine's own files: it would clean /tmp and set the machine's sysctls. In the container
/proc/sys is read-only, /tmp and /run are its own, what is written goes nowhere, and the project is read-only.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hubfleet._kit import process
from hubfleet._kit.process import Finished, ProcessId
from programs import started, wait_for

ROOT = Path(__file__).parent.parent
SYSTEM = ROOT / ".cache" / "systemd-root"
"""What scripts/systemd_root.sh made."""
_TREES = [path for path in Path("/sys/fs/cgroup").glob("*") if (path / "cgroup.procs").exists()] or [
    Path("/sys/fs/cgroup")
]
_INTO = 'for group in "$@"; do [ "$group" = -- ] && break; mkdir "$group"; echo $$ > "$group/cgroup.procs"; done\n'
_INTO += 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"'
# a container may write only where systemd keeps track; limits need the controllers of version 1 as well
_INIT = (
    "for name in memory cpu pids; do mount -o remount,rw,bind /sys/fs/cgroup/$name 2>/dev/null; done\n"
    "exec /lib/systemd/systemd"
)


@dataclass(frozen=True)
class Booted:
    """A machine that systemd runs."""

    init: ProcessId
    """Its first process, as this machine sees it."""

    def run(self, *command: str, timeout_s: float = 60) -> Finished:
        """Run a command in it, outside of any unit."""
        inside = ["nsenter", "--target", str(self.init.pid), "--all", "--", *command]
        return process.run(inside, env=_environment(), check=False, timeout_s=timeout_s)

    def serve(self, *command: str, timeout_s: float = 300) -> Finished:
        """Run a command in it as a unit of its own, and wait for its end."""
        words = ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", f"--working-directory={ROOT}"]
        words += [f"--setenv={name}={value}" for name, value in _environment().items()]
        return self.run(*words, "--", *command, timeout_s=timeout_s)


@contextmanager
def booted(folder: Path) -> Iterator[Booted]:
    """Boot it; nothing of it is left afterwards."""
    name = f"hubfleet-booted-{os.getpid()}"
    groups = [tree / name for tree in _TREES]
    command = [
        *("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--console=pipe"),
        *(f"--directory={SYSTEM / 'root'}", "--volatile=overlay", "--link-journal=no", f"--machine={name}"),
        # without what is mounted below: that is its own root again
        *(f"--bind-ro={ROOT}:{ROOT}:norbind", "--", "/bin/sh", "-c", _INIT),
    ]
    with started(folder) as programs:
        first = ["/bin/sh", "-c", _INTO, "sh", *map(str, groups), "--", *command]
        running = programs.start("nspawn", first, env=_environment())
        try:
            init = wait_for("its first process", lambda: _init_below(running.pid), timeout_s=30)
            machine = Booted(init)
            wait_for("systemd", lambda: machine.run("systemctl", "is-system-running", "--wait").status == 0)
            yield machine
        finally:
            _end(running.pid)
            running.child.wait(60)
            for group in groups:
                _remove(group)


def _environment() -> dict[str, str]:
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}


def _init_below(pid: int) -> ProcessId | None:
    """Return the container's first process once it is systemd."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    found = [child for child in map(int, children) if Path(f"/proc/{child}/comm").read_text() == "systemd\n"]
    return ProcessId.of(found[0]) if found else None


def _end(pid: int) -> None:
    """Halt it, or end it where it does not."""
    init = _init_below(pid) if Path(f"/proc/{pid}").exists() else None
    if init is None:
        found = ProcessId.of(pid)
        if found:
            process.send(found, signal.SIGTERM)
        return
    process.send(init, signal.SIGRTMIN + 3)
    if not process.wait_ended(init, 30):
        process.send(init, signal.SIGKILL)


def _remove(group: Path) -> None:
    """Remove a group with all below it, once nothing runs there."""
    if not group.exists():
        return
    folders = sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True)
    for folder in (*folders, group):
        wait_for(f"{folder} to be empty", lambda folder=folder: _removed(folder))


def _removed(folder: Path) -> bool:
    folder.rmdir()
    return True
