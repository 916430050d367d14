"""Making an environment from a lock: complete or absent, compiled, the builder's own, read-only for servers.

Locks of PyPI's packages alone are made by uv here; those with conda packages in `prefixes`.
"""

import asyncio
import hashlib
import os
import platform
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import uv

from hubfleet._kit import process
from hubfleet._kit.files import locked, write_atomic
from hubfleet.agent.environments import compiling, locks, prefixes
from hubfleet.agent.environments.conda import CHANNELS, Conda
from hubfleet.agent.environments.debian import Archives
from hubfleet.agent.environments.layers import Layers
from hubfleet.agent.environments.wheels import Wheel
from hubfleet.agent.environments.workshop import Workshop
from hubfleet.errors import CommandError, LaunchError, StateError
from hubfleet.model.debian import DebianMirror

BUILDER_VERSION = "1"
"""Changes when the same lock is to be realised in another way."""
MARKER = ".hubfleet-complete"
HIDDEN = "."
"""How the names of folders begin that are no environments: half-made ones, and those that go."""
_TIMEOUT_S = 1800.0
_LOOK_AGAIN_S = 0.5

Say = Callable[[str], Awaitable[None]]


@dataclass(frozen=True)
class Builder:
    """How environments are made on this machine."""

    folder: Path
    """Environments, one folder for each realisation key."""
    cache: Path
    """uv's cache, on the same file system, so that environments share files with it by hard links."""
    workshop: Workshop
    """How its tools run, and with which Python."""
    indexes: Sequence[str] = ()
    """Package indexes, in order; empty: PyPI, or what the workshop's variables say."""
    channels: Mapping[str, str] = field(default_factory=lambda: CHANNELS)
    """Allowed conda channels, and where they are."""
    debian: Sequence[DebianMirror] = ()
    """Where Debian packages are from; empty: where the machine's own apt has them from."""

    @property
    def layers(self) -> Layers:
        """What makes Debian packages lie over the system; fetched ones go with uv's cache."""
        folder = self.folder.parent
        archives = Archives(self.workshop, folder / "apt", self.cache / "debs", self.debian)
        return Layers(self.workshop, folder / "layers", archives)

    @property
    def conda(self) -> Conda:
        """What installs conda packages; its cache goes with uv's."""
        return Conda(self.workshop, self.cache / "conda", self.channels)

    def with_layer(self, lock: str) -> Workshop:
        """Return a workshop that sees a lock's Debian packages, which are there, as servers do."""
        lines = locks.debian(lock)
        return replace(self.workshop, layer=self.layers.use(lines)) if lines else self.workshop

    def path(self, digest: str) -> Path:
        """Return where the environment of a lock is; where none is yet, it will be here or at `prefix`."""
        prefix = self.prefix(digest)
        if (prefix / MARKER).is_file():
            return prefix
        return self.folder / realisation_key(digest, python_version(self.workshop.python))

    def prefix(self, digest: str) -> Path:
        """Return where the environment of a lock is, or will be, if the lock has conda packages."""
        # their files name it, so that an environment which was moved counts for absent
        place = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:8]
        return self.folder / f"{digest[:32]}-{architecture()}-conda{BUILDER_VERSION}-{place}"

    def ready(self, digest: str) -> bool:
        """Say whether it is complete."""
        return (self.path(digest) / MARKER).is_file()

    def use(self, digest: str) -> Path:
        """Return where a complete environment is, and note that it was asked for."""
        path = self.path(digest)
        with suppress(OSError):
            os.utime(path / MARKER)
        return path

    async def clean_cache(self) -> None:
        """Remove the package cache; environments that share files with it stay as they are.

        Raises:
            CommandError: it cannot be removed.
        """
        await self._uv(self.cache, "cache", "clean", "--quiet", "--no-config")

    @property
    def wheels(self) -> Path:
        """Wheels of repositories' own packages."""
        return self.folder.parent / "wheels"

    async def make(self, digest: str, lock: str, say: Say, *, wheels: Sequence[Wheel] = ()) -> Path:
        """Make an environment unless it is there; agents that share the folder make one after the other.

        Args:
            digest: the lock's.
            lock: canonical text.
            say: gets each step's name.
            wheels: of the lock's own packages.

        Raises:
            LaunchError: it cannot be made.
        """
        if not self.ready(digest):
            async with self._alone(say):
                if not self.ready(digest):
                    await self._make(digest, lock, wheels, say)
        return self.path(digest)

    @asynccontextmanager
    async def _alone(self, say: Say) -> AsyncIterator[None]:
        """Wait until no other agent makes an environment in this folder, and keep others waiting meanwhile."""
        path = self.folder.parent / ".making.lock"
        with ExitStack() as held:
            while True:
                try:
                    held.enter_context(locked(path, what="another agent makes an environment", hint="wait for it"))
                    break
                except StateError:
                    await say("waiting for another agent's environment")
                    await asyncio.sleep(_LOOK_AGAIN_S)
            yield

    async def _make(self, digest: str, lock: str, wheels: Sequence[Wheel], say: Say) -> None:
        making = await asyncio.to_thread(self._prepare, lock, wheels)
        target = self.path(digest)
        try:
            if locks.conda_packages(lock):
                target = self.prefix(digest)
                await prefixes.fill(self.conda, lock, target, making, index=index_options(self.indexes), say=say)
            else:
                await self._fill(making, say)
            await asyncio.to_thread(self._complete, making, target, digest)
        except CommandError as error:
            # what it said at last tells more than which command it was
            raise LaunchError(f"the software cannot be installed: {error.hint or error.message}") from error
        finally:
            await asyncio.to_thread(shutil.rmtree, making, ignore_errors=True)

    def _prepare(self, lock: str, wheels: Sequence[Wheel]) -> Path:
        """Make the folders, and in them one to work in; what an earlier run left unfinished goes."""
        for folder in (self.folder.parent, self.folder, self.cache):
            folder.mkdir(parents=True, exist_ok=True)
            self.workshop.give(folder)
        for path in self.folder.glob(f"{HIDDEN}*"):
            shutil.rmtree(path, ignore_errors=True)
        making = Path(tempfile.mkdtemp(dir=self.folder, prefix=f"{HIDDEN}making-"))
        folder = making / "wheels"
        folder.mkdir()
        for wheel in wheels:
            shutil.copyfile(wheel.path, folder / wheel.path.name, follow_symlinks=False)
        own = "".join(wheel.line(folder) for wheel in wheels)
        (making / "lock.txt").write_text(locks.requirements(lock) + own)
        (making / "lock.txt").chmod(0o644)
        for path in (making, folder, *folder.iterdir()):
            self.workshop.give(path)
        return making

    async def _fill(self, making: Path, say: Say) -> None:
        prefix = making / "prefix"
        await say("making the environment")
        await self._uv(
            making,
            "venv",
            "--quiet",
            "--no-config",
            "--relocatable",
            "--python",
            str(self.workshop.python),
            str(prefix),
        )
        await say("installing packages")
        index = index_options(self.indexes)
        await self._uv(
            making,
            *("pip", "install", "--quiet", "--no-config", "--no-progress", "--python", str(prefix / "bin" / "python")),
            *("--require-hashes", "--no-deps", "--only-binary", ":all:", *index),
            *("--requirements", str(making / "lock.txt")),
        )
        await say("compiling")
        # not by uv, which runs the packages' own starting code for it, in reach of the cache
        await compiling.compile_all(self.workshop, self.workshop.python, prefix / "lib", writes=[prefix])

    async def _uv(self, making: Path, *arguments: str) -> None:
        tool = Path(uv.find_uv_bin())
        await self.workshop.run(
            [str(tool), *arguments],
            environment={
                "HOME": str(making),
                "UV_CACHE_DIR": str(self.cache),
                "UV_PYTHON_DOWNLOADS": "never",
                "UV_LINK_MODE": "hardlink",
            },
            reads=[tool],
            # one bind for both, since hard links do not cross mounts
            writes=[Path(os.path.commonpath([self.folder, self.cache]))],
            timeout_s=_TIMEOUT_S,
        )

    def _complete(self, making: Path, target: Path, digest: str) -> None:
        prefix = making / "prefix"
        if not (prefix / "bin" / "python").exists():
            raise LaunchError("the software cannot be installed: there is no Python in it")
        write_atomic(prefix / MARKER, digest + "\n")
        os.sync()
        if target.exists():
            # without its marker it was never complete
            shutil.rmtree(target)
        prefix.rename(target)


def index_options(indexes: Sequence[str]) -> list[str]:
    """Return how uv is told to ask just these package indexes, in this order."""
    if not indexes:
        return []
    *first, last = indexes
    return [*(part for index in first for part in ("--index", index)), "--default-index", last]


def realisation_key(digest: str, python: str) -> str:
    """Return the folder name of a realised environment."""
    return f"{digest[:32]}-{architecture()}-py{python}-uv{BUILDER_VERSION}"


def architecture() -> str:
    """Return the machine's architecture, such as `linux-x86_64`."""
    return f"linux-{platform.machine()}"


def python_version(python: Path) -> str:
    """Return a Python's exact version; another program at that path is asked anew.

    Raises:
        CommandError: it does not run.
    """
    return _version(python, python.stat().st_mtime_ns)


@cache
def _version(python: Path, _changed_ns: int) -> str:
    return process.run([str(python), "-c", "import platform; print(platform.python_version())"]).stdout.strip()
