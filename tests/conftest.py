"""Fixtures that all tests share."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubfleet._kit import process
from hubfleet._kit.process import ProcessId


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one worker have all tests of a module (`--dist loadgroup`), so that what they share is set up once."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(str(item.path)))


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio, as all our programs do."""
    return "asyncio"


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[ProcessId]:
    """Give a process that is nobody's server or program."""
    child = process.spawn([sys.executable, "-c", "import time; time.sleep(1000)"], env=os.environ, cwd=tmp_path)
    found = ProcessId.of(child.pid)
    assert found is not None
    yield found
    child.kill()
    child.wait()
