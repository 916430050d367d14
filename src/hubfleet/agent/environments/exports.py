"""Environments for other tools: what pip, uv, conda, Docker and Apptainer make of a lock."""

import asyncio
import shutil
import tempfile
from pathlib import Path

import uv

from hubfleet.agent.environments import container, explaining, locks
from hubfleet.agent.environments.realise import Builder, index_options, python_version
from hubfleet.agent.refusals import CeilingError, ConflictError
from hubfleet.errors import CommandError, StateError
from hubfleet.protocol.exports import ExportFormat, ExportRequest

_TIMEOUT_S = 120.0
_HINT = "take its environment.yml, or the recipe for a container"


class Exports:
    """Writes environments as other tools read them."""

    def __init__(self, builder: Builder, *, base_lock: str) -> None:
        """Make it.

        Args:
            builder: knows the cluster's Python and its package indexes.
            base_lock: of what serves notebooks in a container.
        """
        self._builder = builder
        self._base_lock = base_lock

    async def files(self, asked: ExportRequest) -> dict[str, str]:
        """Return text files by their names.

        Raises:
            CeilingError: the lock is none.
            ConflictError: it holds what this format has no words for, or the package index does not have it any more.
        """
        if len(asked.lock) > locks.MAX_LOCK_BYTES:
            raise CeilingError(f"the lock is larger than {locks.MAX_LOCK_BYTES:,} characters")
        try:
            lock = locks.canonical(asked.lock)
        except StateError as error:
            raise CeilingError(error.message) from error
        of_channels = locks.conda_packages(lock)
        if of_channels and asked.format in {ExportFormat.REQUIREMENTS, ExportFormat.PYLOCK}:
            raise ConflictError(
                f"{asked.format} has no words for the {len(of_channels)} packages that are from conda channels",
                hint=_HINT,
            )
        python = python_version(self._builder.workshop.python)
        if asked.format is ExportFormat.CONTAINER:
            return container.files(asked, lock, self._base_lock, python)
        if asked.format is ExportFormat.PYLOCK:
            text = await self._pylock(lock)
        else:
            text = _environment(lock, python) if asked.format is ExportFormat.ENVIRONMENT else locks.requirements(lock)
        return {asked.format: _said(lock) + text}

    async def _pylock(self, lock: str) -> str:
        """Ask the index for the addresses of the wheels, which a lock of ours does not hold."""
        working = await asyncio.to_thread(self._prepare, lock)
        tool = Path(uv.find_uv_bin())
        try:
            done = await self._builder.workshop.run(
                [
                    *(str(tool), "pip", "compile", "--quiet", "--no-config", "--no-progress", "--color", "never"),
                    *("--format", "pylock.toml", "--no-deps", "--no-header", "--only-binary", ":all:"),
                    *("--python", str(self._builder.workshop.python), *index_options(self._builder.indexes)),
                    str(working / "lock.txt"),
                ],
                environment={
                    "HOME": str(working),
                    "UV_CACHE_DIR": str(self._builder.cache),
                    "UV_PYTHON_DOWNLOADS": "never",
                },
                reads=[tool],
                writes=[working, self._builder.cache],
                timeout_s=_TIMEOUT_S,
                check=False,
            )
        except CommandError as error:
            raise ConflictError("the package index took too long to answer", hint=error.message) from error
        finally:
            await asyncio.to_thread(shutil.rmtree, working, ignore_errors=True)
        if done.status:
            why = explaining.explained(done.stderr, working)
            raise ConflictError(why.message, hint=why.hint)
        return done.stdout

    def _prepare(self, lock: str) -> Path:
        for folder in (self._builder.folder.parent, self._builder.cache):
            folder.mkdir(parents=True, exist_ok=True)
        working = Path(tempfile.mkdtemp(dir=self._builder.folder.parent, prefix=".exporting-"))
        (working / "lock.txt").write_text(locks.requirements(lock))
        for path in (working, working / "lock.txt"):
            self._builder.workshop.give(path)
        return working


def _said(lock: str) -> str:
    """Return a comment on what the packages alone do not bring along."""
    lines = [f"# The packages of environment {locks.digest(lock)[:12]}."]
    of_debian = [*locks.of_system(lock), *(f"{item.name}={item.version}" for item in locks.debian_packages(lock))]
    if of_debian:
        lines.append(f"# Without Debian's packages ({locks.debian_release(lock)}): {' '.join(of_debian)}")
    for item in locks.own(lock):
        folder = f"#subdirectory={item.folder}" if item.folder else ""
        lines.append(f"# Without what the repository is itself: git+{item.repository}@{item.commit}{folder}")
    ran = locks.post_build(lock)
    if ran:
        lines.append(f"# Without what the postBuild of {ran.repository} at {ran.commit} has done to it.")
    return "\n".join(lines) + "\n"


def _environment(lock: str, python: str) -> str:
    of_channels = locks.conda_packages(lock)
    of_pypi = [line.split(" --hash=")[0] for line in locks.requirements(lock).splitlines()]
    channels = list(dict.fromkeys(package.channel for package in of_channels)) or ["conda-forge"]
    lines = ["channels:", *(f"  - {channel}" for channel in channels), "  - nodefaults", "dependencies:"]
    lines += [f"  - {item.channel}::{item.name}={item.version}={item.build}" for item in of_channels]
    if not of_channels:
        lines.append(f"  - python={'.'.join(python.split('.')[:2])}")
    if of_pypi:
        if all(item.name != "pip" for item in of_channels):
            lines.append("  - pip")
        lines += ["  - pip:", *(f'      - "{line}"' for line in of_pypi)]
    return "\n".join(lines) + "\n"
