"""Tokens: each opens one hub."""

from pathlib import Path

import pytest

from hubfleet.model.settings.routes import RoutesSettings
from hubfleet.routes.tokens import Callers
from unit.routes.test_settings import values


def test_a_token_of_two_hubs_is_nobodys(tmp_path: Path) -> None:
    """Rather than one hub ruling another."""
    for name in ("ocean", "coast"):
        (tmp_path / name).write_text("the-same-token")
    changed = values()
    for hub in changed["hubs"]:
        hub["token_file"] = str(tmp_path / hub["name"])
    callers = Callers(RoutesSettings.model_validate(changed).hubs)
    assert callers.who("token the-same-token") is None
    (tmp_path / "ocean").write_text("a-token-of-its-own")
    found = callers.who("token the-same-token")
    assert found and found.name == "coast"


@pytest.mark.parametrize("content", ["", "\n", "   "])
def test_an_empty_token_file_matches_nothing(tmp_path: Path, content: str) -> None:
    """Not even an empty token."""
    (tmp_path / "ocean").write_text(content)
    changed = values()
    changed["hubs"] = [changed["hubs"][0] | {"token_file": str(tmp_path / "ocean")}]
    callers = Callers(RoutesSettings.model_validate(changed).hubs)
    assert [callers.who(header) for header in ("", "token ", "token x", "token \n")] == [None] * 4
