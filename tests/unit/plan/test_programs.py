"""From a fleet to programs: pure, complete, and without a secret."""

import json
from base64 import b64encode
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from fleets import HUB, loaded
from hubfleet.model.fleet import Fleet
from hubfleet.model.settings.hub import HubProgram
from hubfleet.plan import programs
from hubfleet.plan.actions import Resource
from hubfleet.plan.machine import Machine


def machine(fleet: Fleet, *, root: bool = True, **files: str) -> Machine:
    """Return a machine with a port for everything."""
    names = programs.port_names(fleet)
    return Machine(
        data="/data",
        root=root,
        networks=root,
        network=IPv4Network("10.200.0.0/16"),
        python="/usr/bin/python3",
        version="1",
        ports={name: 20_000 + number for number, name in enumerate(names)},
        fleet_files={name.replace("_", "."): b64encode(text.encode()).decode() for name, text in files.items()},
    )


def made(folder: Path, hub: str = HUB, *, root: bool = True, **files: str) -> dict[str, Resource]:
    """Return the resources of a fleet with one hub `sea`."""
    for name, text in files.items():
        folder.mkdir(exist_ok=True)
        (folder / name.replace("_", ".")).write_text(text)
    fleet = loaded(folder, hub=hub).fleet
    return {item.id: item for item in programs.resources(fleet, machine(fleet, root=root, **files))}


def settings(resource: Resource, program: int = 0) -> dict[str, object]:
    """Return a program's settings document."""
    found: dict[str, object] = json.loads(resource.programs[program].files[0].content)
    return found


def test_program_names_are_unique(tmp_path: Path) -> None:
    """Each is a folder, a log and a unit of its own."""
    names = [program.name for item in made(tmp_path, HUB + "staging: true\n").values() for program in item.programs]
    assert len(names) == len(set(names))
    assert {"hub-sea", "hub-sea-staging", "culler-sea", "agent-here", "routes", "proxy"} <= set(names)


def test_only_the_agent_is_root(tmp_path: Path) -> None:
    """Of the programs; all others have a user of their own."""
    found = [program for item in made(tmp_path).values() for program in item.programs]
    assert [program.name for program in found if not program.user] == ["agent-here"]


def test_a_hub_reads_its_own_secrets_only(tmp_path: Path) -> None:
    """And its twin's are another folder."""
    found = made(tmp_path, HUB + "staging: true\n")
    assert found["hub sea"].programs[0].reads == ("secrets/sea",)
    assert found["hub sea-staging"].programs[0].reads == ("secrets/sea-staging",)


def test_the_twin_comes_with_homes_and_database_of_its_own(tmp_path: Path) -> None:
    """Two hubs to JupyterHub and to agents."""
    found = made(tmp_path, HUB + "staging: true\n")
    sea = HubProgram.model_validate(settings(found["hub sea"]))
    twin = HubProgram.model_validate(settings(found["hub sea-staging"]))
    assert sea.uuid != twin.uuid
    assert sea.database != twin.database
    assert found["hub sea-staging"].staging_for == "sea"


def test_servers_reach_their_hub_at_the_networks_first_address(tmp_path: Path) -> None:
    """With networks of their own; else on loopback."""
    rooted, plain = made(tmp_path / "a"), made(tmp_path / "b", root=False)
    assert settings(rooted["agent here"])["hubs"][0]["address"] == "10.200.0.1"  # type: ignore[index]
    assert settings(plain["agent here"])["hubs"][0]["address"] == "127.0.0.1"  # type: ignore[index]


def test_a_changed_python_file_changes_the_hub(tmp_path: Path) -> None:
    """Its content goes along, so that the plan sees it and the hub can read it."""
    hub = HUB + "python_file: own.py\n"
    one = made(tmp_path / "a", hub, own_py="x = 1\n")["hub sea"]
    two = made(tmp_path / "b", hub, own_py="x = 2\n")["hub sea"]
    assert one.digest() != two.digest()
    assert one.values["content of own.py"] != two.values["content of own.py"]
    assert any(file.path == "fleet-own.py" for file in one.programs[0].files)


def test_another_hubs_change_leaves_a_hub_as_it_is(tmp_path: Path) -> None:
    """So that only what changed is restarted."""
    one = made(tmp_path / "a")["hub sea"]
    (tmp_path / "b/hubs").mkdir(parents=True)
    (tmp_path / "b/hubs/lake.yaml").write_text(HUB)
    two = made(tmp_path / "b")["hub sea"]
    assert one.values == two.values


@pytest.mark.parametrize(("minutes", "culled"), [(60, True), (0, False)])
def test_the_culler_runs_where_something_is_culled(tmp_path: Path, minutes: int, culled: bool) -> None:
    """And its token is in no argument."""
    found = made(tmp_path, HUB + f"culling: {{idle_minutes: {minutes}}}\n")["hub sea"].programs
    assert ("culler-sea" in [program.name for program in found]) is culled


def test_a_given_secret_is_not_generated(tmp_path: Path) -> None:
    """A password of the fleet's own takes the place of a generated one."""
    hub = "sign_in: {with: shared-password, password: {env: PASSWORD}}\nallow: {everyone: true}\n"
    found = made(tmp_path, hub)["hub sea"]
    assert "sea/shared-password" in found.given
    assert "sea/shared-password" not in found.secrets
    assert "sea/admin-password" in found.secrets


def test_channels_reach_the_agent_in_their_order(tmp_path: Path) -> None:
    """The first one serves files that name none."""
    channels = {"forge-mirror": "https://mirror.example.org/forge", "bioconda": "https://mirror.example.org/bio"}
    cluster = f"kind: machine\nchannels: {json.dumps(channels)}\n"
    fleet = loaded(tmp_path, {"clusters/here.yaml": cluster}, hub=HUB).fleet
    found = {item.id: item for item in programs.resources(fleet, machine(fleet))}
    told = settings(found["agent here"])["channels"]
    assert isinstance(told, dict)
    assert list(told.items()) == list(channels.items())


def test_servers_of_data_reach_the_agent(tmp_path: Path) -> None:
    """With what they speak, as `plan` shows it too."""
    hosts = {"rdm.example.org": {"kind": "invenio"}, "doi.org": {"kind": "doi", "api": "https://mirror.example.org/h"}}
    cluster = f"kind: machine\ndata_hosts: {json.dumps(hosts)}\n"
    fleet = loaded(tmp_path, {"clusters/here.yaml": cluster}, hub=HUB).fleet
    found = {item.id: item for item in programs.resources(fleet, machine(fleet))}["agent here"]
    told = settings(found)["data_hosts"]
    assert isinstance(told, dict)
    assert {name: host["kind"] for name, host in told.items()} == {"rdm.example.org": "invenio", "doi.org": "doi"}
    assert told["doi.org"]["api"] == "https://mirror.example.org/h"
    assert found.values["data_hosts"] == "rdm.example.org: invenio, doi.org: doi https://mirror.example.org/h"


@pytest.mark.parametrize(
    ("builds", "conda"), [("true", "channels-or-pypi"), ("{}", "channels-or-pypi"), ("{conda: pypi}", "pypi")]
)
def test_where_conda_packages_are_from_reaches_the_portal(tmp_path: Path, builds: str, conda: str) -> None:
    """As the hub's file says, or by default."""
    resources = made(tmp_path, HUB + f"features: {{builds: {builds}}}\n")
    [portal] = [program for item in resources.values() for program in item.programs if program.name == "portal-sea"]
    [document] = [file.content for file in portal.files if file.path.endswith("settings.json")]
    assert json.loads(document)["conda"] == conda
