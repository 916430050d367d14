"""Keys: no two places share one, and no hub can name another's."""

from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hubfleet.errors import HubfleetError
from hubfleet.model.settings.routes import LOOPBACK, RoutedHub
from hubfleet.routes import keys

HOSTS = ("ocean.localhost", "coast.localhost", "an.example.org", "n.example.org")
segments = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
paths = st.lists(segments, max_size=5).map(lambda parts: "/" + "/".join(parts))
anything = st.text(max_size=80)


def hub(host: str = "ocean.localhost", **values: Any) -> RoutedHub:
    """Return a hub with a host."""
    return RoutedHub.model_validate({"name": "one", "host": host, "token_file": "/tokens/one"} | values)


def clean(path: str) -> str:
    """Return a clean path, or end the example where there is none."""
    try:
        return keys.clean_path(path)
    except keys.BadRouteError:
        assume(False)
        raise


def asked(host: str, path: bytes) -> str:
    """Return the key that HAProxy looks up: url_dec, then url_enc of what is no unreserved character, then a slash."""
    kept = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~"
    encoded = "".join(chr(byte) if byte in kept else f"%{byte:02X}" for byte in unquote_to_bytes(path))
    return f"{host}{encoded}%2F"


@given(paths, paths)
def test_two_paths_share_a_key_only_if_they_are_one(one: str, two: str) -> None:
    """A key tells its path."""
    one, two = clean(one), clean(two)
    assert (keys.key_of(hub(), one) == keys.key_of(hub(), two)) == (one == two)


@given(paths, st.one_of(segments, paths, st.just("")))
def test_a_key_is_a_prefix_of_another_only_for_whole_segments(one: str, more: str) -> None:
    """`/user/x` never matches `/user/xy`, but `/user/x/y`."""
    one, two = clean(one), clean(one + more)
    is_parent = one in {two, "/"} or two.startswith(f"{one}/")
    assert keys.key_of(hub(), two).startswith(keys.key_of(hub(), one)) == is_parent


@given(paths, st.data())
def test_every_encoding_of_a_path_meets_its_key(path: str, data: st.DataObject) -> None:
    """Whichever bytes a browser encodes, in upper or lower case."""
    path = clean(path)
    parts = []
    for byte in path.encode():
        forced = byte >= 127 or byte <= 32 or chr(byte) in "%?#"
        form = data.draw(st.sampled_from(["%{:02x}", "%{:02X}"] + ([] if forced else ["{:c}"])))
        parts.append(form.format(byte))
    assert asked("ocean.localhost", "".join(parts).encode()).startswith(keys.key_of(hub(), path))


@given(st.sampled_from(HOSTS), st.sampled_from(HOSTS), st.booleans(), anything)
def test_a_hub_never_names_another_hubs_host(mine: str, theirs: str, subdomains: bool, path: str) -> None:
    """Whatever path a hub sends, its key is on its own host, or a user's below it."""
    assume(mine != theirs)
    try:
        key = keys.key_of(hub(mine, user_subdomains=subdomains), keys.clean_path(path))
    except HubfleetError:
        return
    host = key.partition("%2F")[0]
    assert host == mine or (subdomains and host.partition(".")[2] == mine)
    assert host != theirs


@pytest.mark.parametrize("label", ["*", "", "a.b", "a%2F", "A", "a b", "é", "a;b", "a\\"])
def test_odd_user_hosts_are_refused(label: str) -> None:
    """A user's host is one plain label."""
    with pytest.raises(HubfleetError):
        keys.key_of(hub(user_subdomains=True), keys.clean_path(f"/{label}.ocean.localhost/user/x"))


@given(paths)
def test_keys_and_values_are_safe_to_send_to_haproxy(path: str) -> None:
    """No space, semicolon, backslash, quote or line end reaches the runtime socket or the map file."""
    key = keys.key_of(hub(), clean(path))
    value = keys.map_value("server", keys.read_target("http://[::1]:8888"), key)
    assert set(key + value) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~%/:")
    assert value.split("/")[:4] == ["server", "::1", "8888", "plain"]


@given(anything)
def test_any_target_is_an_address_or_refused(url: str) -> None:
    """Nothing but an address and a port comes out of a target."""
    try:
        target = keys.read_target(url)
    except keys.BadRouteError:
        return
    assert 0 < target.port < 65536


@pytest.mark.parametrize(
    ("url", "network", "allowed"),
    [
        ("http://127.0.0.1:8888", "127.0.0.0/8", True),
        ("http://10.3.0.9:8888", "10.3.0.0/16", True),
        ("http://10.4.0.9:8888", "10.3.0.0/16", False),
        ("http://169.254.169.254:80", "0.0.0.0/0", False),
        ("http://[::ffff:169.254.169.254]:80", "0.0.0.0/0", False),
        ("http://0.0.0.0:80", "0.0.0.0/0", False),
        ("http://[fe80::1]:80", "::/0", False),
        ("http://[::]:80", "::/0", False),
        ("http://224.0.0.1:80", "0.0.0.0/0", False),
    ],
)
def test_targets_are_kept_to_networks(url: str, network: str, allowed: bool) -> None:
    """Link-local, unspecified and multicast addresses are refused even where all is allowed."""
    networks = hub(targets=[network]).targets
    if allowed:
        keys.check_target(keys.read_target(url), networks, tls_allowed=False)
        return
    with pytest.raises(keys.ForeignRouteError):
        keys.check_target(keys.read_target(url), networks, tls_allowed=False)


def test_https_targets_need_a_signer() -> None:
    """An https target without `target_ca` is refused rather than not checked."""
    with pytest.raises(keys.ForeignRouteError):
        keys.check_target(keys.read_target("https://127.0.0.1:8888"), LOOPBACK, tls_allowed=False)


@pytest.mark.parametrize(
    ("path", "data", "kind"),
    [
        ("/", {}, "hub"),
        ("/hub", {"hub": True}, "hub"),
        ("/user/x", {"user": "x", "server_name": ""}, "server"),
        ("/services/portal", {"service": "portal"}, "service"),
    ],
)
def test_kinds_come_from_what_jupyterhub_says(path: str, data: dict[str, object], kind: str) -> None:
    """JupyterHub marks its routes with `hub`, `user` or `service`."""
    assert keys.kind_of(path, data) == kind
