"""What the fetching step says is checked before it counts, and remembered within a limit."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hubfleet.agent.environments.answers import Answer, Remembered
from hubfleet.agent.environments.specification import Fetched, SourceFile
from hubfleet.errors import BuildError

AT = datetime(2024, 6, 1, 12, tzinfo=UTC)
COMMIT = "a" * 40
FILE = {"path": "requirements.txt", "text": "six\n", "changed": "2024-06-01T14:00:00+02:00", "included": False}
RIGHT = {"commit": COMMIT, "folder": "", "files": [FILE], "code": "", "packaged": ""}


def test_a_right_answer_is_what_a_repository_says() -> None:
    """With moments in one zone."""
    fetched = Answer.of(json.dumps(RIGHT)).fetched("https://git.test/waves")
    assert fetched.files == [SourceFile("requirements.txt", "six\n", AT)]
    assert (fetched.commit, fetched.repository, fetched.packaged) == (COMMIT, "https://git.test/waves", None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"commit": "../../etc"},
        {"folder": "/etc"},
        {"files": [FILE | {"path": ""}]},
        {"files": [FILE | {"path": "a\nb"}]},
        {"files": [FILE | {"changed": "yesterday"}]},
        {"files": [FILE | {"text": 7}]},
        {"files": [FILE] * 1000},
        {"files": [FILE | {"text": "x" * 4_000_001}]},
        {"code": "main"},
        {"lock": "six==1.0"},
        {"say": "x" * 1001},
    ],
)
def test_what_the_step_never_says_ends_the_build(wrong: dict[str, object]) -> None:
    """In words that do not blame the person."""
    with pytest.raises(BuildError, match="makes no sense"):
        Answer.of(json.dumps(RIGHT | wrong))


@pytest.mark.parametrize("line", ["", "[]", "null", "{", "\x00", '{"commit": 1e999}'])
def test_what_is_no_answer_ends_the_build(line: str) -> None:
    """Whatever it is."""
    with pytest.raises(BuildError):
        Answer.of(line)


def _fetched(commit: str, size: int) -> Fetched:
    return Fetched(commit, "", [SourceFile("requirements.txt", "x" * size, AT)])


def test_what_was_asked_for_lately_is_remembered_as_long_as_there_is_room() -> None:
    """Of all repositories together; a file larger than all that is let through."""
    folder, other = Path("/one"), Path("/other")
    remembered = Remembered(limit=10_000)
    remembered.keep(folder, _fetched("a", 1000), public=True)
    remembered.keep(other, _fetched("b", 1000), public=True)
    remembered.keep(folder, _fetched("a", 2000), public=True)
    assert remembered.get(other, "b")
    remembered.keep(folder, _fetched("c", 3000), public=True)
    assert (remembered.commits(folder), remembered.commits(other)) == (["c"], ["b"])
    remembered.keep(folder, _fetched("d", 50_000), public=True)
    assert (remembered.commits(folder), remembered.commits(other)) == (["d"], [])


def test_a_private_commit_is_no_answer_to_whoever_knows_its_name() -> None:
    """Only the git server knows who may read it."""
    folder, remembered = Path("/one"), Remembered()
    remembered.keep(folder, _fetched("a", 10), public=False)
    assert remembered.public(folder, "a") is None
    remembered.keep(folder, _fetched("a", 10), public=True)
    assert remembered.public(folder, "a")
