"""What the portal is told, and what it says where that is not enough."""

from pathlib import Path

import pytest

from hubfleet.errors import ConfigError, SecretError
from hubfleet.portal.app import wired
from hubfleet.portal.settings import cookie_key, read_settings, service_token
from portals import World

pytestmark = pytest.mark.anyio


def test_settings_come_back_as_they_were_written(world: World, tmp_path: Path) -> None:
    """The document is JSON, and holds no secret."""
    (tmp_path / "settings.json").write_text(world.document().model_dump_json())
    assert read_settings(tmp_path / "settings.json") == world.document()
    assert "ab" * 32 not in (tmp_path / "settings.json").read_text()


@pytest.mark.parametrize("text", [None, "", "{}", "[", '{"fleet": 1}'])
def test_wrong_settings_are_told(tmp_path: Path, text: str | None) -> None:
    """A missing file and a wrong one are errors with the file's name."""
    if text is not None:
        (tmp_path / "settings.json").write_text(text)
    with pytest.raises(ConfigError, match=r"settings\.json"):
        read_settings(tmp_path / "settings.json")


@pytest.mark.parametrize("text", [None, "", "zz" * 32, "ab" * 31])
def test_a_cookie_key_that_is_none_is_refused(world: World, text: str | None) -> None:
    """Neither a short one nor one that is no number; what it is is not said."""
    settings = world.document()
    path = Path(settings.secrets) / "portal-cookie"
    path.unlink()
    if text is not None:
        path.write_text(text)
    with pytest.raises(SecretError, match="portal-cookie") as refused:
        cookie_key(settings)
    assert not text or text not in str(refused.value)


def test_a_missing_token_is_told(world: World) -> None:
    """The error names the file."""
    settings = world.document()
    (Path(settings.secrets) / "portal-token").write_text("\n")
    with pytest.raises(SecretError, match="portal-token"):
        service_token(settings)


async def test_a_missing_key_of_an_agent_is_told(world: World) -> None:
    """A portal that cannot sign what it asks does not start."""
    with pytest.raises(SecretError, match="'here'"):
        async with wired(world.document()):
            raise AssertionError("it started")


@pytest.mark.parametrize(
    ("public_url", "origin"),
    [
        ("https://ocean.test:443", "https://ocean.test"),
        ("http://ocean.localhost:80", "http://ocean.localhost"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
async def test_the_origin_is_as_browsers_say_it(world: World, public_url: str, origin: str) -> None:
    """Without the port that is the scheme's own."""
    world.settings["public_url"] = public_url
    async with world.portal() as running:
        assert running.portal.app.state.forgery.origin == origin
