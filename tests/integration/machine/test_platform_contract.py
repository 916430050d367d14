"""A machine keeps the contract of platforms."""

from collections.abc import Iterator

import pytest

from hubfleet.config.load import load
from hubfleet.platforms.machine.platform import MachinePlatform
from hubfleet.testing.platforms import PlatformContract
from machines import machine

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("machine")]


class TestMachinePlatform(PlatformContract):
    """Real programs under a real supervisor."""

    @pytest.fixture
    def platform(self) -> Iterator[MachinePlatform]:
        """Nothing applied; all of it gone afterwards."""
        with machine({"hubs/ocean.yaml": "sign_in: {with: shared-password}\nallow: {everyone: true}\n"}) as made:
            yield MachinePlatform(load(made.folder).fleet, made.folder, made.data)
