"""Where values come from."""

from pathlib import Path

import pytest

from fleets import HUB, loaded
from hubfleet.config.provenance import Provenance
from hubfleet.errors import UnknownNameError


def _provenance(folder: Path, hub: str = "", fleet: str = "") -> Provenance:
    return loaded(folder, {"fleet.yaml": f"name: t\n{fleet}"}, hub=HUB + hub).provenance


def test_a_hubs_own_value_overrode_fleet_and_preset(tmp_path: Path) -> None:
    """All layers below are told, the nearest first."""
    found = _provenance(tmp_path, "home: {quota_gib: 1}\n", "defaults: {home: {quota_gib: 2}}\n")
    origin = found.origin("sea", ("home", "quota_gib"))
    assert (str(origin.where), origin.layer, origin.value) == ("hubs/sea.yaml:4", "hub", 1)
    assert [(below.layer, below.value) for below in origin.overrode] == [("fleet", 2), ("preset education", 5)]


def test_a_built_in_default_says_so(tmp_path: Path) -> None:
    """What nobody wrote has no place."""
    origin = _provenance(tmp_path).origin("sea", ("culling", "max_age_hours"))
    assert (origin.where, origin.layer, origin.value) == (None, "built-in default", 0.0)


def test_what_follows_from_other_values_says_so(tmp_path: Path) -> None:
    """The address is derived."""
    assert _provenance(tmp_path).origin("sea", ("host",)).layer == "derived"


def test_a_removed_value_shows_what_it_was(tmp_path: Path) -> None:
    """Null is told with what it removed."""
    origin = _provenance(tmp_path, "home: {quota_gib: null}\n").origin("sea", ("home", "quota_gib"))
    assert (origin.layer, origin.value) == ("built-in default", 10.0)
    assert [below.value for below in origin.overrode] == [None, 5]


def test_a_key_may_hold_dots(tmp_path: Path) -> None:
    """Host names are keys too, and are asked for as they are shown."""
    uni = "https://idp.uni.edu/shibboleth"
    client = f"client_id: a, client_secret: {{env: S}}, identity_providers: {{'{uni}': {{domains: [uni.edu]}}}}"
    hub = f"preset: education\nallow: {{everyone: true}}\nsign_in: {{with: cilogon, {client}}}\n"
    found = loaded(tmp_path, hub=hub).provenance
    path = found.path("sea", f"sign_in.identity_providers.{uni}.domains")
    assert path == ("sign_in", "identity_providers", uni, "domains")
    assert str(found.origin("sea", path).where) == "hubs/sea.yaml:3"


def test_an_unknown_key_is_an_error(tmp_path: Path) -> None:
    """Asking for nothing is told."""
    with pytest.raises(UnknownNameError, match=r"no key named 'home\.size'"):
        _provenance(tmp_path).origin("sea", ("home", "size"))


def test_every_value_of_a_hub_has_an_origin(tmp_path: Path) -> None:
    """Nothing comes from nowhere."""
    origins = _provenance(tmp_path, "staging: true\n").all_origins("sea-staging")
    assert ("profiles", "standard", "cpu") in origins
    assert all(
        origin.where is not None or origin.layer in {"built-in default", "derived"} for origin in origins.values()
    )
