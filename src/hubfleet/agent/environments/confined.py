"""Runs a repository's own program: in private folders, without a network, within limits, and ends all that it started.

Whoever uses it says what the program sees, and takes what it left as data afterwards.
"""

import asyncio
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from hubfleet._kit import process
from hubfleet._kit.files import locked
from hubfleet._kit.process import Finished
from hubfleet.agent.environments.workshop import System, Workshop
from hubfleet.agent.homes.usage import used_bytes
from hubfleet.agent.launchers import sandbox
from hubfleet.agent.launchers.sandbox import HOME
from hubfleet.errors import CommandError, LaunchError, StateError

COPY_S = 1800.0
"""How long copies of all files may take."""
ENTRIES_MAX = 1_000_000
_GIB = 1024**3
_LOOK_EVERY_S = 0.5
_LINES_TOLD = 15
_FOLDERS = ("home", "tmp", "shm")
_LIMITED = (
    'echo 1000 > /proc/self/oom_score_adj; ulimit -v "$1" && {processes}cd "$2" && exec 2>&1 && PATH="$3" && shift 3 '
    '&& exec "$@"'
)
_AWAY = re.compile(
    r"Temporary failure in name resolution|[Cc]ould not resolve|[Nn]etwork is unreachable|Name or service not known|"
    r"EAI_AGAIN|ENOTFOUND|ENETUNREACH|getaddrinfo|unable to resolve|dns error|Failed to establish a new connection"
)


@dataclass(frozen=True)
class Limits:
    """What one program may use."""

    time_s: float = 1800.0
    disk_bytes: int = 5 * _GIB
    """What it may add to the disk."""
    spare_bytes: int = 2 * _GIB
    """What it leaves of the disk."""
    memory_gib: int = 4
    """Address space of each of its processes."""
    spare_memory_bytes: int = _GIB // 4
    """What it leaves of the machine's memory."""
    processes: int = 256


@dataclass(frozen=True)
class Task:
    """One program and what it sees."""

    name: str
    """As people know it, such as `postBuild`."""
    command: Sequence[str]
    path: str
    """Where programs are looked for."""
    directory: Path = Path(HOME)
    variables: Mapping[str, str] = field(default_factory=dict)
    reads: Sequence[Path] = ()
    places: Mapping[Path, Path] = field(default_factory=dict)
    """Folders besides its home that it may write: path inside -> folder."""
    texts: Mapping[str, str] = field(default_factory=dict)
    stdin: str = ""
    system: System | None = None
    """What it may write of the system."""


@dataclass(frozen=True)
class Confined:
    """Where such programs run on this machine."""

    workshop: Workshop
    folder: Path
    """For private folders; on the disk of what comes of them."""
    limits: Limits

    def prepare(self, held: ExitStack, names: Sequence[str]) -> Path:
        """Make a folder to work in, with `home` and what else is named; what killed runs left goes. Blocks.

        Args:
            held: keeps it from being taken for such a rest.
            names: of folders in it that the builder's user may write.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o711)
        for old in self.folder.iterdir():
            with ExitStack() as looking:
                try:
                    looking.enter_context(locked(old / "lock", what="", hint=""))
                except (StateError, OSError):
                    continue
                remove(old)
        working = Path(tempfile.mkdtemp(dir=self.folder))
        held.enter_context(locked(working / "lock", what="", hint=""))
        for name in (*_FOLDERS, *names):
            (working / name).mkdir()
            self.workshop.give(working / name)
        # nobody else has a way to what is in it
        working.chmod(0o711)
        return working

    async def run(self, working: Path, task: Task) -> Finished:
        """Run a program to its end, whatever its status; all its output is `stdout`.

        Args:
            working: of `prepare`.
            task: the program.

        Raises:
            LaunchError: it was ended at a limit.
        """
        return await self._watched(working, task.name, self._run(working, task))

    async def _run(self, working: Path, task: Task) -> Finished:
        limits = self.limits
        processes = f"ulimit -u {limits.processes} && " if _counts_its_own() else ""
        uid = self.workshop.uid
        command = ["/bin/bash", "-c", _LIMITED.format(processes=processes), "sh", str(limits.memory_gib * 1024**2)]
        return await replace(self.workshop, variables={}).run(
            [*command, str(task.directory), task.path, *task.command],
            environment={"HOME": str(HOME), "USER": "jovyan", **task.variables},
            reads=task.reads,
            places={
                **task.places,
                Path(HOME): working / "home",
                # where it shall count, and not in memory
                **{Path(path): working / "tmp" for path in ("/tmp", "/var/tmp")},  # noqa: S108
                Path("/dev/shm"): working / "shm",  # noqa: S108
            },
            texts={**sandbox.accounts(1000 if uid is None else uid, {}), **task.texts},
            stdin=task.stdin,
            network=False,
            system=task.system,
            timeout_s=limits.time_s,
            check=False,
        )

    async def _watched(self, working: Path, name: str, running: Awaitable[Finished]) -> Finished:
        """Wait for the end, and bring it about where disk or memory get scarce."""
        task = asyncio.ensure_future(running)
        try:
            before = await asyncio.to_thread(used_bytes, working)
            free = os.statvfs(working).f_favail
            while not task.done():
                await asyncio.wait([task], timeout=_LOOK_EVERY_S)
                too_much = await asyncio.to_thread(self._too_much, working, before, free)
                if too_much and not task.done():
                    raise LaunchError(f"{name} was ended: {too_much}", hint="let it make less, and build again")
            return task.result()
        except CommandError as error:
            raise LaunchError(
                f"{name} was ended: {_short(error)}", hint="a repository's program has its limits"
            ) from error
        finally:
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    def _too_much(self, working: Path, before: int, free_files: int) -> str:
        limits, disk = self.limits, os.statvfs(working)
        if used_bytes(working) - before > limits.disk_bytes:
            return f"it wrote more than {limits.disk_bytes / _GIB:.3g} GiB"
        if disk.f_bavail * disk.f_frsize < limits.spare_bytes:
            return "the disk is nearly full"
        if disk.f_files and free_files - disk.f_favail > ENTRIES_MAX:
            return f"it made more than {ENTRIES_MAX:,} files"
        return "the machine's memory is nearly full" if _spare_memory() < limits.spare_memory_bytes else ""


def remove(folder: Path) -> None:
    """Remove what strangers' code may have written, however deep and whatever its rights; blocks."""
    if os.geteuid():
        process.run(["/bin/chmod", "-R", "u+rwx", "--", str(folder)], check=False, timeout_s=COPY_S)
    process.run(["/bin/rm", "-rf", "--one-file-system", "--", str(folder)], check=False, timeout_s=COPY_S)
    shutil.rmtree(folder, ignore_errors=True)


def asked_for_the_network(done: Finished) -> bool:
    """Say whether a program's output shows that it tried to reach the network, which it does not see."""
    return bool(_AWAY.search(done.stdout))


def last_words(done: Finished) -> str:
    """Return what a program said at last, on one line; empty: nothing."""
    return " / ".join(line.strip() for line in done.stdout.splitlines()[-_LINES_TOLD:] if line.strip())[-1500:]


def _short(error: CommandError) -> str:
    return "it " + re.sub(r"^'[^']*' ", "", error.message)


def _counts_its_own() -> bool:
    """Say whether a limit on processes counts only those of the sandbox: as root, or since Linux 5.14."""
    found = re.match(r"(\d+)\.(\d+)", platform.release())
    return os.geteuid() == 0 or bool(found and (int(found[1]), int(found[2])) >= (5, 14))


def _spare_memory() -> int:
    found = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    return int(found[1]) * 1024 if found else 1 << 60
