"""A fleet's folder -> the complete model."""

from pathlib import Path

import pytest

from fleets import HUB, errors, loaded, only_error, write
from hubfleet.config.find import fleet_folder
from hubfleet.config.load import load
from hubfleet.errors import ConfigError
from hubfleet.model.sign_in import SharedPassword
from hubfleet.testing.fleets import write_fleet

EXAMPLES = Path(__file__).parents[3] / "examples" / "fleets"


def test_a_hub_is_complete(tmp_path: Path) -> None:
    """What is not written follows from names, preset and defaults."""
    hub = loaded(tmp_path, hub=HUB).fleet.hubs["sea"]
    assert (hub.title, hub.cluster, hub.servers_on) == ("Sea", "here", ("here",))
    assert (hub.host, hub.url, hub.user_subdomains) == ("sea.localhost", "http://sea.localhost:8000", True)
    assert isinstance(hub.sign_in, SharedPassword)
    assert hub.profiles["standard"].memory_gib == 1


def test_layers_lie_in_order(tmp_path: Path) -> None:
    """Built-in default < preset < fleet < hub."""
    files = {"fleet.yaml": "name: t\ndefaults: {home: {quota_gib: 7}, named_servers: 1, announcement: hi}\n"}
    hub = loaded(tmp_path, files, hub=HUB + "named_servers: 2\n").fleet.hubs["sea"]
    assert (hub.home.quota_gib, hub.named_servers, hub.announcement) == (7, 2, "hi")
    assert hub.culling.idle_minutes == 60


def test_maps_merge_and_lists_replace(tmp_path: Path) -> None:
    """A profile is added by key; a list of admins is another list."""
    files = {"fleet.yaml": "name: t\ndefaults: {admins: [ada]}\n"}
    hub = loaded(tmp_path, files, hub=HUB + "admins: [bob]\nprofiles: {large: {memory_gib: 8}}\n").fleet.hubs["sea"]
    assert hub.admins == ("bob",)
    assert list(hub.profiles) == ["standard", "large"]


def test_null_removes(tmp_path: Path) -> None:
    """A preset's profile goes by null."""
    hub = loaded(tmp_path, hub=HUB + "profiles: {standard: null, own: {cpu: 1}}\n").fleet.hubs["sea"]
    assert list(hub.profiles) == ["own"]


def test_another_sign_in_replaces_that_of_the_defaults(tmp_path: Path) -> None:
    """Keys of one kind of sign-in mean nothing to another."""
    files = {
        "fleet.yaml": "name: t\ndefaults: {sign_in: {with: github, client_id: x, client_secret: {env: E}}}\n",
    }
    assert loaded(tmp_path, files, hub=HUB).fleet.hubs["sea"].sign_in.kind == "shared-password"


def test_a_preset_extends_another(tmp_path: Path) -> None:
    """An own preset changes a built-in one."""
    files = {"presets/lab.yaml": "extends: research\nhome: {quota_gib: 3}\n"}
    hub = loaded(tmp_path, files, hub=HUB.replace("education", "lab")).fleet.hubs["sea"]
    assert (hub.home.quota_gib, hub.named_servers) == (3, 4)


def test_presets_that_extend_each_other_are_refused(tmp_path: Path) -> None:
    """A circle is an error that shows it."""
    files = {"presets/aa.yaml": "extends: bb\n", "presets/bb.yaml": "extends: aa\n"}
    assert "aa -> bb -> aa" in only_error(tmp_path, files).message


def test_a_staging_twin_differs_by_address_only(tmp_path: Path) -> None:
    """The twin comes right before its hub and has its settings."""
    hubs = loaded(tmp_path, hub=HUB + "staging: true\nhome: {quota_gib: 3}\n").fleet.hubs
    assert list(hubs) == ["sea-staging", "sea"]
    twin = hubs["sea-staging"]
    assert (twin.twin_of, twin.host, twin.home.quota_gib) == ("sea", "sea-staging.localhost", 3)
    assert twin.title == "Sea (staging)"


def test_operators_are_admins_of_every_hub(tmp_path: Path) -> None:
    """Operators are let in and are admins."""
    files = {"fleet.yaml": "name: t\noperators: [ada]\n"}
    hub = loaded(tmp_path, files, hub=HUB.replace("everyone: true", "people: [sam]")).fleet.hubs["sea"]
    assert (hub.admins, hub.allow.people) == (("ada",), ("sam", "ada"))


def test_all_errors_come_at_once_sorted(tmp_path: Path) -> None:
    """Errors of all files are shown together, by file and line."""
    found = errors(tmp_path, {"clusters/here.yaml": "kind: machine\nlisten: x\n"}, hub=HUB + "b: 1\nadmins: 3\n")
    assert [str(error.where) for error in found] == ["clusters/here.yaml:2", "hubs/sea.yaml:4", "hubs/sea.yaml:5"]


def test_an_error_of_a_default_is_said_once(tmp_path: Path) -> None:
    """Two hubs with the same wrong default give one error, at the default."""
    files = {"fleet.yaml": "name: t\ndefaults: {named_servers: -1}\n", "hubs/two.yaml": HUB}
    assert str(only_error(tmp_path, files, hub=HUB).where) == "fleet.yaml:2"


def test_a_hub_on_an_unreadable_cluster_is_not_told_that_it_is_missing(tmp_path: Path) -> None:
    """One fault, one error."""
    assert "clusters/here.yaml" in str(only_error(tmp_path, {"clusters/here.yaml": "a: [\n"}, hub=HUB).where)


@pytest.mark.parametrize("name", ["hubs/x.yml", "fleet.yml", "hub/x.yaml", "hubs/Big.yaml"])
def test_no_file_is_passed_over(tmp_path: Path, name: str) -> None:
    """What looks like configuration but is not read is an error."""
    assert name.startswith(str(only_error(tmp_path, {name: HUB}, hub=HUB).where))


def test_the_quickstart_is_right() -> None:
    """The example that everybody meets first has neither errors nor warnings."""
    found = load(EXAMPLES / "quickstart")
    assert (list(found.fleet.hubs), found.warnings) == (["classroom", "ocean"], ())


def test_hubs_of_the_quickstart_are_short() -> None:
    """A hub is ten lines or fewer."""
    assert all(len(path.read_text().splitlines()) <= 10 for path in (EXAMPLES / "quickstart/hubs").glob("*.yaml"))


def test_a_large_fleet_is_right(tmp_path: Path) -> None:
    """The generated fleet, with twins, has no errors."""
    assert len(load(write_fleet(tmp_path, hubs=12, clusters=3, staging=True)).fleet.hubs) == 18


def test_a_fleet_survives_json(tmp_path: Path) -> None:
    """The model can be handed to programs as JSON."""
    fleet = loaded(tmp_path, hub=HUB + "groups: {staff: [ana]}\nstaging: true\n").fleet
    assert type(fleet).model_validate_json(fleet.model_dump_json()) == fleet


def test_the_fleet_is_found_from_below(tmp_path: Path) -> None:
    """The nearest parent with fleet.yaml is the fleet."""
    write(tmp_path)
    assert fleet_folder(tmp_path / "clusters") == tmp_path


def test_no_fleet_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    """Outside of a fleet the hint says what to do."""
    with pytest.raises(ConfigError) as caught:
        fleet_folder(tmp_path)
    assert "hubfleet init" in caught.value.hint
