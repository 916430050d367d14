"""When a channel counts as one that cannot be reached: what does not answer at all, soon."""

import socket
from collections.abc import Iterator

import pytest

import conda_channels
from hubfleet.agent.environments import solving
from hubfleet.agent.environments.solving import AwayError
from programs import free_port


@pytest.fixture
def silent() -> Iterator[int]:
    """Return a port that takes calls and never answers, as behind some firewalls."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_one_that_never_answers_is_given_up_soon(silent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than when rattler, or the whole build, would."""
    monkeypatch.setattr(solving, "REACH_TIMEOUT_S", 0.2)
    with pytest.raises(AwayError, match=rf"127\.0\.0\.1:{silent}/x: timed out"):
        solving.reach([f"http://127.0.0.1:{silent}/x"])


@pytest.mark.parametrize("address", ["http://127.0.0.1:{port}/x", "https://127.0.0.1:{port}/x"])
def test_a_closed_port_is_away(address: str) -> None:
    """Whatever its scheme; one of several is enough, since each may have what is asked for."""
    away = address.format(port=free_port())
    with pytest.raises(AwayError, match="refused"):
        solving.reach([away])


def test_what_answers_anything_is_there(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What it holds, and whether its certificate is right, is found out by rattler."""
    with conda_channels.served(tmp_path_factory.mktemp("empty")) as address:
        solving.reach([address, f"{address}/nothing", address.replace("http:", "https:")])
