"""A repository's `postBuild`: runs without a network on private copies, and what it left is kept as data.

It sees a copy of the environment at the environment's own path, and a copy of the repository's files as its home. What
comes of it is an environment of its own: a folder with a changed `prefix`, and the `files` that servers get copies of.
"""

import asyncio
import json
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path

from hubfleet._kit import process
from hubfleet._kit.files import locked, write_atomic
from hubfleet._kit.process import Finished
from hubfleet.agent.environments import contents, locks
from hubfleet.agent.environments.locks import PostBuild
from hubfleet.agent.environments.realise import MARKER, Builder, python_version, realisation_key
from hubfleet.agent.environments.realised import Realised
from hubfleet.agent.homes.usage import used_bytes
from hubfleet.agent.launchers import sandbox
from hubfleet.agent.launchers.sandbox import HOME
from hubfleet.errors import CommandError, LaunchError, StateError

NAME = "postBuild"
AT_ONCE = 2
_GIB = 1024**3
_PROGRAM = "/run/hubfleet/keeping.py"
_COPY_S = 1800.0
_LOOK_EVERY_S = 0.5
_ENTRIES_MAX = 1_000_000
_LINES_TOLD = 15
_LIMITED = (
    'echo 1000 > /proc/self/oom_score_adj; ulimit -v "$3" && {processes}cd "$1" && exec 2>&1 && PATH="$4" exec "./$2"'
)
_ALLOWED = 'cp -a --reflink=auto "$1/." "$2" && cp -a --reflink=auto "$3/." "$4" && chmod u+x "$4/$5"'
_AWAY = re.compile(
    r"Temporary failure in name resolution|[Cc]ould not resolve|[Nn]etwork is unreachable|Name or service not known|"
    r"EAI_AGAIN|ENOTFOUND|ENETUNREACH|getaddrinfo|unable to resolve|dns error|Failed to establish a new connection"
)

Say = Callable[[str], Awaitable[None]]


@dataclass(frozen=True)
class Limits:
    """What one `postBuild` may use."""

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
class PostBuilds:
    """Runs `postBuild` on this machine."""

    builder: Builder
    limits: Limits = field(default_factory=Limits)
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def make(self, digest: str, lock: str, tree: Path, base: Path, say: Say) -> Path:
        """Make the environment of a lock with a `postBuild`; the one of its packages alone is there.

        Args:
            digest: the lock's.
            lock: canonical text.
            tree: the repository's files at the commit that the lock names.
            base: the base software, whose programs come last.
            say: gets each step's name.

        Raises:
            LaunchError: it failed, with what it said at last.
        """
        wanted = locks.post_build(lock)
        assert wanted is not None
        if self.builder.workshop.bwrap is None:
            raise LaunchError("a postBuild cannot be run on this cluster: it has no sandbox for it")
        plain = self.builder.use(locks.digest(locks.without_post_build(lock)))
        await say("waiting for its turn")
        async with self.turns:
            with ExitStack() as held:
                working = await asyncio.to_thread(self._prepare, held)
                try:
                    note = await self._run(working, plain, tree, base, say)
                    await self._keep(working, plain, tree)
                    return await asyncio.to_thread(self._complete, working, digest, wanted, plain, note)
                except CommandError as error:
                    raise LaunchError(f"{NAME} cannot be run: {error.message}", hint=error.hint) from error
                finally:
                    await asyncio.to_thread(remove, working)

    def _prepare(self, held: ExitStack) -> Path:
        """Make a folder to work in; what earlier runs left that were killed goes."""
        folder = self.builder.folder.parent / "post-builds"
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o711)
        for old in folder.iterdir():
            with ExitStack() as looking:
                try:
                    looking.enter_context(locked(old / "lock", what="", hint=""))
                except (StateError, OSError):
                    continue
                remove(old)
        working = Path(tempfile.mkdtemp(dir=folder))
        held.enter_context(locked(working / "lock", what="", hint=""))
        for name in ("prefix", "home", "tmp", "shm", "result"):
            (working / name).mkdir()
            self.builder.workshop.give(working / name)
        # nobody else has a way to what is in it
        working.chmod(0o711)
        return working

    async def _run(self, working: Path, plain: Path, tree: Path, base: Path, say: Say) -> str:
        """Run it, and return what is to be said of it."""
        script = await asyncio.to_thread(contents.script, tree, NAME)
        if not script:
            raise LaunchError(f"the repository has no {NAME} at this commit")
        workshop = replace(self.builder.workshop, variables={})
        await say("copying the environment")
        copied = [str(plain), str(working / "prefix"), str(tree), str(working / "home"), script]
        await workshop.run(
            ["/bin/sh", "-c", _ALLOWED, "sh", *copied],
            environment={},
            reads=[plain, tree],
            writes=[working / "prefix", working / "home"],
            network=False,
            timeout_s=_COPY_S,
        )
        await say(f"running {script}")
        done = await self._watched(working, script, self._script(working, plain, base, script))
        away = bool(_AWAY.search(done.stdout))
        if done.status:
            raise _failed(script, done, away=away)
        return f"{script} tried to reach the network, which it does not see" if away else ""

    async def _script(self, working: Path, plain: Path, base: Path, script: str) -> Finished:
        limits = self.limits
        processes = f"ulimit -u {limits.processes} && " if _counts_its_own() else ""
        uid = self.builder.workshop.uid
        command = [_LIMITED.format(processes=processes), "sh", str(HOME), script]
        command += [str(limits.memory_gib * 1024**2), f"{plain}/bin:{base}/bin:/usr/local/bin:/usr/bin:/bin"]
        return await replace(self.builder.workshop, variables={}).run(
            ["/bin/bash", "-c", *command],
            environment=_variables(plain),
            reads=[base],
            places={
                plain: working / "prefix",
                Path(HOME): working / "home",
                # where it shall count, and not in memory
                **{Path(path): working / "tmp" for path in ("/tmp", "/var/tmp")},  # noqa: S108
                Path("/dev/shm"): working / "shm",  # noqa: S108
            },
            texts=sandbox.accounts(1000 if uid is None else uid, {}),
            network=False,
            timeout_s=limits.time_s,
            check=False,
        )

    async def _watched(self, working: Path, script: str, running: Awaitable[Finished]) -> Finished:
        """Wait for the end, and bring it about where disk or memory get scarce."""
        task = asyncio.ensure_future(running)
        try:
            before = await asyncio.to_thread(used_bytes, working)
            free = os.statvfs(working).f_favail
            while not task.done():
                await asyncio.wait([task], timeout=_LOOK_EVERY_S)
                too_much = await asyncio.to_thread(self._too_much, working, before, free)
                if too_much and not task.done():
                    raise LaunchError(f"{script} was ended: {too_much}", hint="let it make less, and build again")
            return task.result()
        except CommandError as error:
            raise LaunchError(f"{script} was ended: {_short(error)}", hint="a postBuild has its limits") from error
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
        if disk.f_files and free_files - disk.f_favail > _ENTRIES_MAX:
            return f"it made more than {_ENTRIES_MAX:,} files"
        return "the machine's memory is nearly full" if _spare_memory() < limits.spare_memory_bytes else ""

    async def _keep(self, working: Path, plain: Path, tree: Path) -> None:
        """Take what it left as data: nothing of it runs any more."""
        program = files("hubfleet.agent.environments").joinpath("keeping.py").read_text()
        told = {"prefix": str(working / "prefix"), "plain": str(plain), "home": str(working / "home")}
        told |= {"tree": str(tree), "to": str(working / "result"), "marker": MARKER}
        held = await asyncio.to_thread(used_bytes, working)
        done = await self.builder.workshop.run(
            [str(self.builder.workshop.python), "-I", _PROGRAM],
            environment={},
            # one bind for both, since hard links do not cross mounts
            writes=[Path(os.path.commonpath([working, plain]))],
            reads=[tree],
            texts={_PROGRAM: program},
            stdin=json.dumps({**told, "max_bytes": held + self.limits.disk_bytes, "max_entries": _ENTRIES_MAX}),
            network=False,
            timeout_s=_COPY_S,
            check=False,
        )
        if done.status:
            said = (done.stdout or done.stderr).strip().splitlines()[-1:] or ["it cannot be read"]
            raise LaunchError(f"what {NAME} left cannot be kept", hint=said[0][:500])

    def _complete(self, working: Path, digest: str, wanted: PostBuild, plain: Path, note: str) -> Path:
        result = working / "result"
        if not os.path.lexists(result / "prefix" / "bin" / "python"):
            raise LaunchError(f"what {NAME} left is no environment: there is no Python in it")
        Realised.write(result, seen_at=plain, repository=wanted.repository, commit=wanted.commit, note=note)
        if self.builder.workshop.uid is not None:
            os.chown(result, 0, 0)
        # servers see its parts by bind mounts, and nobody else needs to
        result.chmod(0o700)
        write_atomic(result / MARKER, digest + "\n")
        os.sync()
        place = self.builder.folder / realisation_key(digest, python_version(self.builder.workshop.python))
        if place.exists():
            # without its marker it was never complete
            remove(place)
        return result.rename(place)


def remove(folder: Path) -> None:
    """Remove what strangers' code may have written, however deep and whatever its rights; blocks."""
    if os.geteuid():
        process.run(["/bin/chmod", "-R", "u+rwx", "--", str(folder)], check=False, timeout_s=_COPY_S)
    process.run(["/bin/rm", "-rf", "--one-file-system", "--", str(folder)], check=False, timeout_s=_COPY_S)
    shutil.rmtree(folder, ignore_errors=True)


def _variables(plain: Path) -> dict[str, str]:
    conda = {"CONDA_PREFIX": str(plain)} if (plain / "conda-meta").is_dir() else {}
    return {
        "HOME": str(HOME),
        "USER": "jovyan",
        # as repo2docker calls them
        "REPO_DIR": str(HOME),
        "NB_PYTHON_PREFIX": str(plain),
        **conda,
    }


def _failed(script: str, done: Finished, *, away: bool) -> LaunchError:
    said = " / ".join(line.strip() for line in done.stdout.splitlines()[-_LINES_TOLD:] if line.strip())[-1500:]
    how = f"{script} ended with status {done.status}"
    if away:
        return LaunchError(
            f"{how}: it tried to reach the network, which it does not see",
            hint="name packages (those of JupyterLab too) in requirements.txt or environment.yml, and fetch data in a "
            f"notebook or keep it in the repository; it said: {said}",
        )
    return LaunchError(how, hint=f"it said: {said}" if said else "it said nothing")


def _short(error: CommandError) -> str:
    return "it " + re.sub(r"^'[^']*' ", "", error.message)


def _counts_its_own() -> bool:
    """Say whether a limit on processes counts only those of the sandbox: as root, or since Linux 5.14."""
    found = re.match(r"(\d+)\.(\d+)", platform.release())
    return os.geteuid() == 0 or bool(found and (int(found[1]), int(found[2])) >= (5, 14))


def _spare_memory() -> int:
    found = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    return int(found[1]) * 1024 if found else 1 << 60
