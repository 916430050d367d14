"""Fixtures that all tests share."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio, as all our programs do."""
    return "asyncio"
