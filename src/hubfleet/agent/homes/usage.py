"""What homes hold, counted seldom and in a thread of its own, since no quota of the file system says it."""

import asyncio
import os
from pathlib import Path

from hubfleet._kit.clock import Clock
from hubfleet.agent.store import Store

COUNT_AGAIN_S = 3600.0
MAX_FILES = 2_000_000


class HomeUsage:
    """Counts each home about once an hour, one after the other."""

    EVERY_S = 60.0

    def __init__(self, folder: Path, *, store: Store, clock: Clock) -> None:
        """Make it.

        Args:
            folder: where homes are, by hub.
            store: keeps what was counted.
            clock: says when to count again.
        """
        self._folder = folder
        self._store = store
        self._clock = clock

    async def round(self) -> None:
        """Count the homes whose last count is old."""
        now = self._clock.now().timestamp()
        for hub, person, folder, _, counted in await self._store.run(lambda tables: tables.homes()):
            if counted is None or now - counted > COUNT_AGAIN_S:
                used = await asyncio.to_thread(used_bytes, self._folder / hub / folder)
                await self._keep(hub, person, used, now)

    async def _keep(self, hub: str, person: str, used: int, now: float) -> None:
        await self._store.run(lambda tables: tables.count_home(hub, person, used, now))


def used_bytes(folder: Path) -> int:
    """Return the disk space below a folder, hard links counted once, links not followed; blocks.

    Homes hold whatever people put there, while they change it: what cannot be read is left out.
    """
    total = 0
    seen: set[tuple[int, int]] = set()
    waiting = [os.fspath(folder)]
    files = 0
    while waiting and files < MAX_FILES:
        try:
            entries = os.scandir(waiting.pop())
        except OSError:
            continue
        with entries:
            for entry in entries:
                files += 1
                try:
                    found = entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                except OSError:
                    continue
                if found.st_nlink > 1 and not entry.is_dir(follow_symlinks=False):
                    if (found.st_dev, found.st_ino) in seen:
                        continue
                    seen.add((found.st_dev, found.st_ino))
                total += found.st_blocks * 512
    return total
