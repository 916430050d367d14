"""Shared by the tests of signing in."""

from typing import Any

import pytest

from unit.hub.sign_in.kinds import session


@pytest.fixture(scope="session")
def database() -> Any:
    """An empty database of JupyterHub, made once; a test that writes cleans up."""
    return session()
