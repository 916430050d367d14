"""A clock that tests turn by hand."""

import asyncio
from datetime import UTC, datetime, timedelta


class FakeClock:
    """Time that passes only when `sleep` is called, or by `advance`; it never waits for real."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        """Start at a time of day."""
        self._now = start
        self._passed = 0.0
        self.slept: list[float] = []
        """All pauses that were asked for."""

    def now(self) -> datetime:
        """Return the time of day, aware, in UTC."""
        return self._now + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        """Return seconds that never go backwards."""
        return self._passed

    async def sleep(self, seconds: float) -> None:
        """Let that much time pass at once, and others have their turn."""
        self.slept.append(seconds)
        self._passed += seconds
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._passed += seconds
