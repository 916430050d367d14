"""A hub's database is looked at before JupyterHub opens it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hubfleet.errors import StateError
from hubfleet.hub.database import check


def test_a_right_one_and_none_yet_pass(tmp_path: Path) -> None:
    """Nothing is made, and a server's address is not looked at."""
    path = tmp_path / "jupyterhub.sqlite"
    check(f"sqlite:///{path}")
    assert not path.exists()
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE users (name TEXT)")
    check(f"sqlite:///{path}")
    check("postgresql://hub@example.org/hub")


@pytest.mark.parametrize("damage", ["whole", "page"])
def test_a_damaged_one_says_what_to_do(tmp_path: Path, damage: str) -> None:
    """Garbage, or a page in the middle that is: the file is named and left as it is."""
    path = tmp_path / "jupyterhub.sqlite"
    with closing(sqlite3.connect(path)) as made, made:
        made.execute("CREATE TABLE users (name TEXT)")
        made.execute("CREATE INDEX names ON users (name)")
        made.executemany("INSERT INTO users VALUES (?)", [(f"person {count}",) for count in range(2000)])
    raw = bytearray(path.read_bytes())
    first = 0 if damage == "whole" else 8192
    raw[first:12288] = b"\xff" * (12288 - first)
    path.write_bytes(raw)
    with pytest.raises(StateError, match=r"jupyterhub.sqlite is damaged .*: put a backup of it in its place"):
        check(f"sqlite:///{path}")
    assert path.read_bytes() == raw


def test_a_locked_one_is_not_called_damaged(tmp_path: Path) -> None:
    """Who holds it is JupyterHub's own to wait for."""
    path = tmp_path / "jupyterhub.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("CREATE TABLE users (name TEXT)")
        holder.execute("BEGIN EXCLUSIVE")
        check(f"sqlite:///{path}")
