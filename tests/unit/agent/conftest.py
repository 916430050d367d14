"""What most tests of the agent start from."""

from pathlib import Path

import pytest

from fake_agent import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A cluster without servers."""
    return World(tmp_path)
