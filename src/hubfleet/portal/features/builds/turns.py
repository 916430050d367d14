"""Wakes those who wait for the next change of a build's record."""

import asyncio


class Turns:
    """Counts changes; waiting never misses one that came after `mark`."""

    def __init__(self) -> None:
        """Make a counter at nought."""
        self.ended = asyncio.Event()
        """Set when nobody shall wait any more."""
        self.mark = 0
        """How many changes there were."""
        self._next = asyncio.Event()

    @property
    def closed(self) -> bool:
        """Whether the portal ends."""
        return self.ended.is_set()

    def next(self) -> None:
        """Wake all who wait."""
        self.mark += 1
        self._next.set()
        self._next = asyncio.Event()

    def close(self) -> None:
        """Wake all who wait for the last time."""
        self.ended.set()
        self.next()

    async def wait(self, mark: int, *, timeout_s: float) -> None:
        """Wait for the first change after a mark, or until the time is over."""
        if self.mark != mark or self.closed:
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self._next.wait()
        except TimeoutError:
            pass
