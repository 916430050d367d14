"""Making an environment from a lock by uv: complete or absent, compiled, the builder's own, read-only for servers."""

import asyncio
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import uv

from hubfleet._kit import process
from hubfleet._kit.files import locked, write_atomic
from hubfleet.agent.launchers import sandbox
from hubfleet.agent.launchers.sandbox import Bind, Sandbox
from hubfleet.errors import CommandError, LaunchError, StateError

BUILDER_VERSION = "1"
"""Changes when the same lock is to be realised in another way."""
MARKER = ".hubfleet-complete"
PASSED_ON = (
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "UV_NATIVE_TLS",
    "UV_SYSTEM_CERTS",
)
"""Environment variables of the agent that say how to reach a package index."""
_TIMEOUT_S = 1800.0
_LOOK_AGAIN_S = 0.5
_IN_UMASK = 'umask 022; exec "$@"'

Say = Callable[[str], Awaitable[None]]


@dataclass(frozen=True)
class Builder:
    """How environments are made on this machine."""

    folder: Path
    """Environments, one folder for each realisation key."""
    cache: Path
    """uv's cache, on the same file system, so that environments share files with it by hard links."""
    python: Path
    """The Python to make them with."""
    variables: Mapping[str, str]
    """How to reach the index: `PASSED_ON`."""
    uid: int | None = None
    """User id of the builder; None: the agent's own."""
    bwrap: Path | None = None
    """bubblewrap, to make them in a sandbox; None: without one."""
    index_url: str = ""

    def path(self, digest: str) -> Path:
        """Return where the environment of a lock is, or will be."""
        return self.folder / realisation_key(digest, python_version(self.python))

    def ready(self, digest: str) -> bool:
        """Say whether it is complete."""
        return (self.path(digest) / MARKER).is_file()

    async def make(self, digest: str, lock: str, say: Say) -> Path:
        """Make an environment unless it is there; agents that share the folder make one after the other.

        Args:
            digest: the lock's.
            lock: canonical text.
            say: gets each step's name.

        Raises:
            LaunchError: it cannot be made.
        """
        target = self.path(digest)
        if self.ready(digest):
            return target
        async with self._alone(say):
            if not self.ready(digest):
                await self._make(digest, lock, say)
        return target

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

    async def _make(self, digest: str, lock: str, say: Say) -> None:
        making = await asyncio.to_thread(self._prepare, lock)
        try:
            await self._fill(making, say)
            await asyncio.to_thread(self._complete, making, self.path(digest), digest)
        except CommandError as error:
            # what it said at last tells more than which command it was
            raise LaunchError(f"the software cannot be installed: {error.hint or error.message}") from error
        finally:
            await asyncio.to_thread(shutil.rmtree, making, ignore_errors=True)

    def _prepare(self, lock: str) -> Path:
        """Make the folders, and in them one to work in; what an earlier run left unfinished goes."""
        for folder in (self.folder.parent, self.folder, self.cache):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)
            self._give(folder)
        for path in self.folder.glob(".making-*"):
            shutil.rmtree(path, ignore_errors=True)
        making = Path(tempfile.mkdtemp(dir=self.folder, prefix=".making-"))
        making.chmod(0o755)
        (making / "lock.txt").write_text(lock)
        (making / "lock.txt").chmod(0o644)
        self._give(making)
        return making

    def _give(self, folder: Path) -> None:
        if self.uid is not None:
            os.chown(folder, self.uid, self.uid)

    async def _fill(self, making: Path, say: Say) -> None:
        prefix = making / "prefix"
        await say("making the environment")
        await self._uv(
            making, "venv", "--quiet", "--no-config", "--relocatable", "--python", str(self.python), str(prefix)
        )
        await say("installing packages")
        index = ["--default-index", self.index_url] if self.index_url else []
        await self._uv(
            making,
            *("pip", "install", "--quiet", "--no-config", "--no-progress", "--python", str(prefix / "bin" / "python")),
            *("--require-hashes", "--no-deps", "--only-binary", ":all:", "--compile-bytecode", *index),
            *("--requirements", str(making / "lock.txt")),
        )

    async def _uv(self, making: Path, *arguments: str) -> None:
        environment = {
            **self.variables,
            "PATH": "/usr/bin:/bin",
            "HOME": str(making),
            "UV_CACHE_DIR": str(self.cache),
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_LINK_MODE": "hardlink",
        }
        command = ["/bin/sh", "-c", _IN_UMASK, "sh", uv.find_uv_bin(), *arguments]
        if self.bwrap is not None:
            command = self._in_sandbox(command, environment)
        await process.run_async(command, env=environment, cwd=Path("/"), timeout_s=_TIMEOUT_S)

    def _in_sandbox(self, command: list[str], environment: Mapping[str, str]) -> list[str]:
        """Let uv see the system, itself, the cache and the new environment, and nothing else of the machine."""
        tool = Path(uv.find_uv_bin())
        binds, links = sandbox.system()
        binds += [Bind(tool, PurePosixPath(tool)), Bind(Path("/etc/resolv.conf"), PurePosixPath("/etc/resolv.conf"))]
        binds += [Bind(Path("/etc/hosts"), PurePosixPath("/etc/hosts"), optional=True)]
        binds += [Bind(Path("/etc/nsswitch.conf"), PurePosixPath("/etc/nsswitch.conf"), optional=True)]
        # one bind for both, since hard links do not cross mounts
        common = Path(os.path.commonpath([self.folder, self.cache]))
        binds.append(Bind(common, PurePosixPath(common), writable=True))
        certificates = [Path(environment[name]) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if name in environment]
        binds += [Bind(path, PurePosixPath(path), optional=True) for path in certificates]
        prefix = Path(sys.base_prefix) if self.python == Path(sys.executable) else self.python.resolve().parent.parent
        if not prefix.is_relative_to("/usr"):
            binds.append(Bind(prefix, PurePosixPath(prefix)))
        as_root = os.geteuid() == 0
        uid = self.uid if self.uid is not None else 1000
        box = Sandbox(uid, as_root, binds, directory=PurePosixPath("/"))
        with_variables = sandbox.arguments(box, {}, links)
        with_variables.remove("--clearenv")
        with_variables.append("--die-with-parent")
        assert self.bwrap is not None
        drop = sandbox.command(box, self.bwrap, 0, command)[4:]
        return [str(self.bwrap), *with_variables, "--", *drop]

    def _complete(self, making: Path, target: Path, digest: str) -> None:
        prefix = making / "prefix"
        if not (prefix / "bin" / "python").exists():
            raise LaunchError("the software cannot be installed: uv made no Python")
        write_atomic(prefix / MARKER, digest + "\n")
        os.sync()
        if target.exists():
            # without its marker it was never complete
            shutil.rmtree(target)
        prefix.rename(target)


def realisation_key(digest: str, python: str) -> str:
    """Return the folder name of a realised environment."""
    return f"{digest[:32]}-{architecture()}-py{python}-uv{BUILDER_VERSION}"


def architecture() -> str:
    """Return the machine's architecture, such as `linux-x86_64`."""
    return f"linux-{platform.machine()}"


def python_version(python: Path) -> str:
    """Return a Python's exact version.

    Raises:
        CommandError: it does not run.
    """
    return process.run([str(python), "-c", "import platform; print(platform.python_version())"]).stdout.strip()
