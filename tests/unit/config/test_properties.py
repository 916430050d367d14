"""Any configuration gives a model, or errors with file and line; never another exception."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from fleets import HUB, MACHINE, write
from hubfleet.config.load import load
from hubfleet.config.provenance import Provenance
from hubfleet.errors import ConfigErrors
from hubfleet.hub.checks import check_traits
from hubfleet.model.hub import HubFile

_KEYS = sorted(HubFile.model_fields)
_WORDS = """
    with kind cpu memory_gib groups options choices people everyone from members title standard scopes gpu builds secret
    env file password client_id JupyterHub variables A clusters sign_in [key] 0 identity_providers environment
"""
_INNER = st.sampled_from(_WORDS.split())
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-10, 10**6)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["github", "native", "shared-password", "cilogon", "oidc", "here", "lab", "a", "yes", "off", ""])
    | st.text(max_size=10)
)
_TREES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_INNER | st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
_HUBS = st.dictionaries(st.sampled_from(_KEYS) | st.text(max_size=8), _TREES, max_size=6)


def _check(files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = write(Path(name), {"clusters/here.yaml": MACHINE}, hub=HUB)
        for file, raw in files.items():
            (directory / file).parent.mkdir(exist_ok=True)
            (directory / file).write_bytes(raw)
        try:
            found = load(directory, also=(check_traits,))
        except ConfigErrors as caught:
            assert caught.errors
            assert all(error.where is not None and error.where.line >= 0 for error in caught.errors)
        else:
            _every_value_has_an_origin(found.provenance)


def _every_value_has_an_origin(provenance: Provenance) -> None:
    assert provenance.all_origins("sea")


def _yaml(tree: object) -> bytes:
    with tempfile.TemporaryFile() as file:
        YAML(typ="safe", pure=True).dump(tree, file)
        file.seek(0)
        return file.read()


@settings(deadline=None)
@given(
    st.binary(max_size=200), st.sampled_from(["fleet.yaml", "clusters/here.yaml", "hubs/sea.yaml", "presets/p.yaml"])
)
def test_any_bytes_in_any_file(raw: bytes, name: str) -> None:
    """Bytes in place of a file."""
    _check({name: raw})


@settings(deadline=None, max_examples=150)
@given(_HUBS)
def test_any_tree_as_a_hub(tree: dict[str, object]) -> None:
    """Any keys and values as a hub."""
    _check({"hubs/sea.yaml": _yaml(tree)})


@settings(deadline=None, max_examples=100)
@given(_HUBS)
def test_any_tree_over_a_right_hub(tree: dict[str, object]) -> None:
    """Any keys and values as defaults and as the preset of a hub that is right."""
    raw = _yaml({"name": "t", "defaults": tree})
    _check({"fleet.yaml": raw, "presets/p.yaml": _yaml(tree), "hubs/sea.yaml": HUB.replace("education", "p").encode()})


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["kind", "listen", "https", "uids", "ceilings", "provider", "title"]), _TREES))
def test_any_tree_as_a_cluster(tree: dict[str, object]) -> None:
    """Any keys and values as a cluster."""
    _check({"clusters/here.yaml": _yaml(tree)})
