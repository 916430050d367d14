"""The journal: what was answered for is there after a crash at any byte."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hubfleet.routes.journal import Gone, Journal, Route

AT = datetime(2026, 1, 1, tzinfo=UTC)


def route(path: str, **data: object) -> Route:
    """Return a route."""
    return Route.model_validate({"path": path, "data": {"target": "http://127.0.0.1:1", **data}, "added_at": AT})


def test_changes_are_read_again(tmp_path: Path) -> None:
    """Adds, replacements and deletions survive."""
    journal = Journal(tmp_path / "one.jsonl")
    assert journal.load() == {}
    journal.append([route("/a"), route("/ü", user="ü")])
    journal.append([Gone(gone="/a"), route("/ü", user="other"), Gone(gone="/never")])
    assert Journal(tmp_path / "one.jsonl").load() == {"/ü": route("/ü", user="other")}


def test_a_line_cut_by_a_crash_is_dropped(tmp_path: Path) -> None:
    """At any byte; what came before stays, and nothing is called damaged."""
    path = tmp_path / "one.jsonl"
    Journal(path).append([route("/a")])
    first = path.read_bytes()
    Journal(path).append([route("/b")])
    whole = path.read_bytes()
    for cut in range(len(first), len(whole)):
        path.write_bytes(whole[:cut])
        assert set(Journal(path).load()) == {"/a"}
    assert [file.name for file in tmp_path.iterdir()] == ["one.jsonl"]


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_set_aside(raw: bytes) -> None:
    """No content of the file stops the program, and good lines after bad ones count."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.jsonl"
        path.write_bytes(raw + b"\n" + route("/a").model_dump_json().encode() + b"\n")
        assert "/a" in Journal(path).load()


def test_a_long_journal_is_written_anew(tmp_path: Path) -> None:
    """Its size follows the routes, not the changes."""
    journal = Journal(tmp_path / "one.jsonl")
    routes = journal.load()
    journal.append([route("/a")] * 1002)
    assert journal.long(1)
    journal.write(routes | {"/a": route("/a")})
    assert not journal.long(1)
    assert len((tmp_path / "one.jsonl").read_text().splitlines()) == 1
