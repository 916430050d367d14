"""What most tests of the portal start from."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portals import Running, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A hub with one cluster."""
    return World(tmp_path)


@pytest.fixture
async def portal(world: World) -> AsyncIterator[Running]:
    """A portal that nobody has used yet."""
    async with world.portal() as running:
        yield running
