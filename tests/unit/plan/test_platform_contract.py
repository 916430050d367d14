"""The platform that tests use keeps the contract."""

import pytest

from hubfleet.plan.actions import Resource
from hubfleet.testing.platforms import FakePlatform, PlatformContract


class TestFakePlatform(PlatformContract):
    """The platform of dictionaries."""

    @pytest.fixture
    def platform(self) -> FakePlatform:
        """Nothing applied."""
        return FakePlatform(Resource(kind="agent", name="here"), Resource(kind="routes", name=""))
