"""What people may write, field by field."""

import pytest
from pydantic import BaseModel, ValidationError

from hubfleet.config.schema import FILES, schemas
from hubfleet.model.cluster import Cluster
from hubfleet.model.hub import HubFile
from hubfleet.model.secret import SecretReference


@pytest.mark.parametrize(("kind", "model"), FILES.items())
def test_every_field_says_what_it_is(kind: str, model: type[BaseModel]) -> None:
    """Docstrings become the schema's descriptions and the reference; tags of unions need none."""
    schema = schemas()[kind]
    definitions = {kind: schema, **schema.get("$defs", {})}  # type: ignore[dict-item]
    silent = [
        f"{name}.{key}"
        for name, definition in definitions.items()
        for key, field in definition.get("properties", {}).items()
        if "description" not in field and key not in {"with", "kind"}
    ]
    assert silent == []


@pytest.mark.parametrize("listen", ["127.0.0.1:8000", "0.0.0.0:443", "[::1]:8000"])
def test_addresses_to_listen_on(listen: str) -> None:
    """Address and port, of both families."""
    cluster = Cluster(name="here", title="Here", kind="machine", listen=listen)
    assert f"{cluster.address}:{cluster.port}" == listen.replace("[", "").replace("]", "")


@pytest.mark.parametrize("listen", ["8000", "localhost:8000", "127.0.0.1:0", "127.0.0.1:70000", "::1:8000", "1.2.3:1"])
def test_what_is_no_address_to_listen_on(listen: str) -> None:
    """Names, missing and impossible ports are refused."""
    with pytest.raises(ValidationError):
        Cluster(name="here", title="Here", kind="machine", listen=listen)


def test_loopback_is_known() -> None:
    """Only loopback may go without https."""
    assert Cluster(name="a", title="A", kind="machine").loopback
    assert not Cluster(name="a", title="A", kind="machine", listen="0.0.0.0:80").loopback


@pytest.mark.parametrize("uids", ["0-100", "2000-1000", "200000", "a-b", "1000-99999999999"])
def test_ranges_of_uids_leave_the_systems_alone(uids: str) -> None:
    """No range reaches below 1000 or beyond what the kernel has."""
    with pytest.raises(ValidationError):
        Cluster(name="a", title="A", kind="machine", uids=uids)


@pytest.mark.parametrize("reference", [{}, {"env": "A", "file": "b"}, {"secret": "../x"}, {"secret": ".x"}])
def test_a_reference_names_one_place(reference: dict[str, str]) -> None:
    """None, two, or a path out of secrets/ is refused."""
    with pytest.raises(ValidationError):
        SecretReference.model_validate(reference)


def test_staging_is_a_switch_or_a_map() -> None:
    """True means a twin that differs by its address only."""
    assert HubFile.model_validate({"staging": True}, strict=True).staging is not None
    assert HubFile.model_validate({"staging": False}, strict=True).staging is None


def test_groups_are_lists_or_maps() -> None:
    """Both forms give the same."""
    groups = HubFile.model_validate({"groups": {"a": ("x",), "b": {"members": ("x",)}}}, strict=True).groups
    assert groups["a"] == groups["b"]


def test_numbers_of_variables_become_text() -> None:
    """Environment variables are text; a fraction or a truth value is refused, since its text is not certain."""
    hub = HubFile.model_validate({"profiles": {"a": {"variables": {"N": 3}}}}, strict=True)
    assert hub.profiles["a"].variables == {"N": "3"}
    for value in (1.10, True):
        with pytest.raises(ValidationError):
            HubFile.model_validate({"profiles": {"a": {"variables": {"N": value}}}}, strict=True)


@pytest.mark.parametrize("name", ["HOME", "PATH", "JUPYTERHUB_API_TOKEN", "1A", "A-B", ""])
def test_variables_of_our_own_cannot_be_set(name: str) -> None:
    """A hub's file cannot hand a server another token or home."""
    with pytest.raises(ValidationError):
        HubFile.model_validate({"profiles": {"a": {"variables": {name: "x"}}}}, strict=True)
