"""Hub and portal, started once for each file of tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import programs
from integration.portal.worlds import World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A hub with a portal, used by each test with people of its own."""
    folder: Path = tmp_path_factory.mktemp("portal")
    with programs.started(folder) as running:
        world = World(running, folder)
        world.start()
        yield world
        running.end()
        world.agent.end()
