"""A real JupyterHub for each test, ended with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import programs
from integration.hub.sign_in.hubs import RealHub


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RealHub]:
    """A hub that is not started yet."""
    with programs.started(tmp_path) as running:
        yield RealHub(running, tmp_path / "hub")
