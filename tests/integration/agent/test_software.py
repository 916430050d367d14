"""Software that cannot be made: what is said, and what is left."""

import sys
from pathlib import Path

import pytest

from hubfleet.agent.environments.realise import Builder
from hubfleet.agent.environments.workshop import Workshop
from hubfleet.errors import LaunchError
from programs import free_port

pytestmark = [pytest.mark.integration, pytest.mark.anyio]
LOCK = "six==1.16.0 --hash=sha256:8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254\n"


async def test_an_index_that_cannot_be_reached_is_named_and_nothing_half_made_stays(tmp_path: Path) -> None:
    """What uv says at last is in the message, which is what `apply` shows."""
    index = f"http://127.0.0.1:{free_port()}/simple"
    builder = Builder(
        tmp_path / "environments",
        tmp_path / "cache",
        Workshop(Path(sys.executable), {"UV_HTTP_RETRIES": "0"}),
        indexes=[index],
    )

    async def quiet(text: str) -> None:
        """Nobody listens."""

    with pytest.raises(LaunchError, match=r"cannot be installed: .*(refused|connect)"):
        await builder.make("0" * 64, LOCK, quiet)
    assert not builder.ready("0" * 64)
    assert list((tmp_path / "environments").iterdir()) == []
