"""Launchers that need nothing of the machine keep the contract."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from hubfleet.agent.launchers.base import Launcher, LaunchRequest
from hubfleet.agent.launchers.in_process import InProcessLauncher
from hubfleet.protocol.messages import ServerRequest
from hubfleet.testing.launchers import FakeLauncher, LauncherContract

pytestmark = pytest.mark.anyio


class _Plain(LauncherContract):
    def request(self, server: str) -> LaunchRequest:
        wanted = {"hub": "ocean", "person": "ann", "generation": datetime.now(UTC), "secrets": {"api_token": "t"}}
        return LaunchRequest(server, ServerRequest.model_validate(wanted), 1000, Path("/"), Path("/"))


class TestInProcess(_Plain):
    """The in-process launcher."""

    @pytest.fixture(autouse=True)
    def _one(self) -> None:
        self._launcher = InProcessLauncher()

    def launcher(self) -> Launcher:
        return self._launcher


class TestFake(_Plain):
    """The launcher that other tests use."""

    @pytest.fixture(autouse=True)
    def _one(self) -> None:
        self._launcher = FakeLauncher()

    def launcher(self) -> Launcher:
        return self._launcher
