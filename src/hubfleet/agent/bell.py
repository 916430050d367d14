"""Wakes those who wait for the next event."""

import asyncio


class Bell:
    """Rung after each change; waiting never misses a ring that came after `mark`."""

    def __init__(self) -> None:
        """Make a bell that has not rung."""
        self._rung = 0
        self._next: asyncio.Future[None] | None = None
        self.closed = False

    @property
    def mark(self) -> int:
        """How often it has rung."""
        return self._rung

    def ring(self) -> None:
        """Wake all who wait."""
        self._rung += 1
        if self._next is not None and not self._next.done():
            self._next.set_result(None)
        self._next = None

    def close(self) -> None:
        """Wake all who wait for the last time: the agent ends."""
        self.closed = True
        self.ring()

    async def wait(self, mark: int, *, timeout_s: float) -> None:
        """Wait until it has rung since a mark, or the time is over."""
        if self._rung != mark or self.closed:
            return
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._next], timeout=timeout_s)
