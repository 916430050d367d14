"""Settings of routes: what cannot work is refused before anything starts."""

from typing import Any

import pytest
from pydantic import ValidationError

from hubfleet.model.settings.routes import RoutesSettings


def values(**changes: Any) -> dict[str, Any]:
    """Return right settings with changes."""
    hub = {"name": "ocean", "host": "ocean.localhost", "token_file": "/t/ocean"}
    return {
        "listen": [{"address": "127.0.0.1", "port": 8000}],
        "hubs": [
            hub | {"internal": {"address": "127.0.0.1", "port": 8101}},
            hub | {"name": "coast", "host": "coast.x"},
        ],
        "api": {"address": "127.0.0.1", "port": 8001},
        "runtime_socket": "/run/haproxy.sock",
        "state_folder": "/var/lib/routes",
        "proxy_folder": "/var/lib/proxy",
        "map_path": "/var/lib/routes/routes.map",
    } | changes


def test_right_settings_survive_the_file() -> None:
    """What plan writes is what the programs read."""
    settings = RoutesSettings.model_validate(values())
    assert RoutesSettings.model_validate_json(settings.model_dump_json()) == settings


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"listen": []}, "at least 1"),
        ({"api": {"address": "0.0.0.0", "port": 8001}}, "not loopback"),
        ({"api": {"address": "127.0.0.1", "port": 8000}}, "used twice"),
        ({"state_folder": "relative"}, "not an absolute path"),
        ({"map_path": "/with space/x"}, "HAProxy's configuration"),
        ({"runtime_socket": "/run/x\n user root"}, "HAProxy's configuration"),
        ({"user": "root\ngroup root"}, "may hold letters"),
        ({"unknown": 1}, "not permitted"),
        ({"max_connections": 1}, "greater than"),
    ],
)
def test_wrong_settings_are_refused(changes: dict[str, Any], words: str) -> None:
    """Each with words that name the reason."""
    with pytest.raises(ValidationError, match=words):
        RoutesSettings.model_validate(values(**changes))


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ({"host": "a.test"}, {"host": "a.test"}, "used twice"),
        ({"host": "a.test", "user_subdomains": True}, {"host": "b.a.test"}, "user subdomain"),
        ({"host": "A.test"}, {"host": "b.test"}, "lower case"),
        ({"host": "a.test/x"}, {"host": "b.test"}, "lower case"),
        ({"host": "a.test", "name": "same"}, {"host": "b.test", "name": "same"}, "used twice"),
        ({"host": "a.test", "name": "x\n"}, {"host": "b.test"}, "may hold letters"),
    ],
)
def test_two_hubs_never_share_a_host(first: dict[str, Any], second: dict[str, Any], words: str) -> None:
    """Neither the same, nor one below another's user subdomains."""
    hubs = [{"name": name, "token_file": "/t"} | hub for name, hub in (("one", first), ("two", second))]
    with pytest.raises(ValidationError, match=words):
        RoutesSettings.model_validate(values(hubs=hubs))
