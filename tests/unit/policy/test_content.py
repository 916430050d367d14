"""Files of a repository in a new server: only what can be, and the field that is wrong by name."""

from pathlib import Path

import pytest

from fleets import loaded
from hubfleet.errors import ChoiceError
from hubfleet.model.content import Content
from hubfleet.model.overrides import Overrides
from hubfleet.policy.choices import Chosen, Person
from hubfleet.policy.content import Files
from hubfleet.policy.validate import validate

HUB = "sign_in: {with: shared-password}\nallow: {everyone: true}\n"
CONTENT = {"repository": "https://git.example.org/lab/wave-tides.git", "commit": "a" * 40}
KEY = "01234567-89ab-cdef-0123-456789abcdef"


def chosen(folder: Path, asked: dict[str, object], *, text: str = HUB + "features: {builds: true}\n") -> Chosen:
    return validate(loaded(folder, hub=text).fleet.hubs["sea"], Overrides(), Person("ana"), asked)


def test_files_and_where_they_go_are_chosen(tmp_path: Path) -> None:
    """By default nothing is copied and the home is the lasting one."""
    assert chosen(tmp_path, {}).files == Files()
    found = chosen(tmp_path, {"content": {**CONTENT, "key": KEY, "open": "a/b.ipynb"}, "home": "fresh"}).files
    assert found == Files(Content.model_validate({**CONTENT, "key": KEY, "open": "a/b.ipynb"}), fresh_home=True)
    assert chosen(tmp_path, {"content": CONTENT, "home": "beside"}).files.beside


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"content": {}}, "content.repository"),
        ({"content": "x"}, "content"),
        ({"content": {**CONTENT, "repository": "file:///etc"}}, "content.repository"),
        ({"content": {**CONTENT, "repository": "https://ann:secret@example.org/x"}}, "content.repository"),
        ({"content": {**CONTENT, "repository": "https://example.org/a b"}}, "content.repository"),
        ({"content": {**CONTENT, "commit": "main"}}, "content.commit"),
        ({"content": {**CONTENT, "key": "../x"}}, "content.key"),
        ({"content": {**CONTENT, "open": "../../etc/passwd"}}, "content.open"),
        ({"content": {**CONTENT, "open": "/etc/passwd"}}, "content.open"),
        ({"home": "/root"}, "home"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, asked: dict[str, object], field: str) -> None:
    """By form and by program alike."""
    with pytest.raises(ChoiceError) as refused:
        chosen(tmp_path, asked)
    assert refused.value.field == field


def test_a_hub_without_builds_copies_nothing(tmp_path: Path) -> None:
    """Files are part of the feature."""
    with pytest.raises(ChoiceError, match="without a repository's files"):
        chosen(tmp_path, {"content": CONTENT}, text=HUB)


@pytest.mark.parametrize(
    ("address", "folder"),
    [
        ("https://example.org/lab/wave-tides.git", "wave-tides"),
        ("https://example.org/lab/wave%20tides/", "wave-20tides"),
        ("https://example.org/.git", "repository"),
        ("https://example.org/..", "repository"),
        ("https://example.org", "repository"),
        ("https://example.org/.hubfleet", "hubfleet"),
    ],
)
def test_a_copys_folder_has_the_repositorys_name(address: str, folder: str) -> None:
    """Whatever an address ends with, it is a plain name that hides nothing."""
    assert Content(repository=address, commit="a" * 40).folder == folder
