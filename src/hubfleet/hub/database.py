"""A look at the hub's database before JupyterHub opens it, so that a damaged one is said with what to do."""

import sqlite3
from contextlib import closing
from pathlib import Path

from hubfleet.errors import StateError

SQLITE = "sqlite:///"


def check(url: str) -> None:
    """Look at a database that is a file; nothing is changed, and one that is not there yet is right.

    Raises:
        StateError: it is damaged.
    """
    path = Path(url.removeprefix(SQLITE))
    if not url.startswith(SQLITE) or not path.exists():
        return
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=0.1)) as database:
            (said,) = database.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        # a locked one, or one on a full disk, is JupyterHub's own to tell of
        if isinstance(error, sqlite3.OperationalError):
            return
        said = str(error)
    if said != "ok":
        why = said.splitlines()[-1]
        raise StateError(f"the hub's database {path} is damaged ({why}): put a backup of it in its place")
