"""Keeps software below its ceiling: first what can be fetched again goes, then environments that nobody used lately.

An environment of a running server is never removed, nor one that was asked for within the last hour; one that is gone
is made again from its lock at its next use.
"""

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hubfleet._kit.clock import Clock
from hubfleet.agent.environments import contents, own_packages
from hubfleet.agent.environments.realise import HIDDEN, MARKER, Builder
from hubfleet.agent.homes.usage import used_bytes
from hubfleet.errors import CommandError

_log = logging.getLogger(__name__)

YOUNG_S = 3600.0
_GIB = 1024**3


@dataclass(frozen=True)
class Kept:
    """One complete environment on the disk."""

    path: Path
    digest: str
    used_at: float
    """When it was asked for last; seconds since 1970."""


class Tidying:
    """Looks at one agent's software every few minutes."""

    EVERY_S = 600.0

    def __init__(
        self,
        builder: Builder,
        fetched: Sequence[Path],
        *,
        ceiling_gib: float,
        in_use: Callable[[], Awaitable[frozenset[str]]],
        clock: Clock,
    ) -> None:
        """Make it.

        Args:
            builder: has made the environments.
            fetched: folders with what was fetched of git repositories, a folder for each below one for each hub.
            ceiling_gib: what all software may take of the disk.
            in_use: gives the digests that must stay.
            clock: for what counts as lately.
        """
        self._builder = builder
        self._fetched = fetched
        self._ceiling = ceiling_gib * _GIB
        self._in_use = in_use
        self._clock = clock

    async def round(self) -> None:
        """Make room where there is too little of it."""
        if await self._used() <= self._ceiling:
            return
        await self._clean()
        used = await self._used()
        stay = await self._in_use()
        for kept in await asyncio.to_thread(_all, self._builder):
            if used <= self._ceiling:
                return
            if kept.digest not in stay and self._clock.now().timestamp() - kept.used_at > YOUNG_S:
                _log.info("environment %s goes: nobody used it lately, and the disk's share is full", kept.digest[:12])
                used -= await asyncio.to_thread(_remove, kept.path)
        if used > self._ceiling:
            _log.warning("software takes %.1f GiB, more than its ceiling, and all of it is in use", used / _GIB)

    async def _used(self) -> int:
        software = self._builder.folder.parent
        return await asyncio.to_thread(lambda: sum(used_bytes(folder) for folder in (software, *self._fetched)))

    async def _clean(self) -> None:
        """Remove what is there only to save fetching it again."""
        try:
            await self._builder.clean_cache()
        except CommandError as error:
            _log.warning("the package cache cannot be cleaned: %s", error.hint or error.message)
        old = self._clock.now().timestamp() - YOUNG_S
        for folder in self._fetched:
            await asyncio.to_thread(_remove_old, folder.glob("*/*"), contents.MARKER, old)
        # they are in the environments that they were built for
        await asyncio.to_thread(_remove_old, self._builder.wheels.glob("*"), own_packages.FACTS, old)


def environments(folder: Path) -> list[Kept]:
    """Return complete environments, the one first that was asked for longest ago; blocks."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        try:
            marker = path / MARKER
            found.append(Kept(path, marker.read_text().strip(), marker.stat().st_mtime))
        except OSError:
            continue
    return sorted(found, key=lambda kept: kept.used_at)


def _all(builder: Builder) -> list[Kept]:
    """Return environments and layers, the one first that was asked for longest ago; blocks."""
    found = [*environments(builder.folder), *environments(builder.layers.folder)]
    return sorted(found, key=lambda kept: kept.used_at)


def _remove(path: Path) -> int:
    size = used_bytes(path)
    # out of sight in one step, so that a crash leaves no half of it under its name
    gone = path.with_name(f"{HIDDEN}removing-{path.name}")
    shutil.rmtree(gone, ignore_errors=True)
    path.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)
    return size


def _remove_old(paths: Iterable[Path], name: str, before: float) -> None:
    for path in list(paths):
        marker = path / name
        with suppress(OSError):
            # a repository's own time is that of its last fetch, files were last used when their marker says so
            if (marker if marker.is_file() else path).stat().st_mtime < before:
                _remove(path)
