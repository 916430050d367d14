"""What the agent knows for sure: one SQLite file, opened by one thread, each change on the disk before it counts.

A damaged, locked or newer file is never mended or replaced here: the agent refuses to serve, and collects nothing.
"""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from hubfleet.agent import schema
from hubfleet.agent.tables import Tables
from hubfleet.errors import StateError, TemporaryError

T = TypeVar("T")

LOCK_WAIT_S = 2.0
NO_ROOM_BYTES = 128 * 1024
"""Less than SQLite needs for the files beside its own."""


class StoreFullError(StateError, TemporaryError):
    """The disk has no room for the agent's records."""

    code = "disk-full"


class Store:
    """The store behind its own thread; each call of `run` is one transaction."""

    def __init__(self, path: Path) -> None:
        """Name the file; `open` opens it."""
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Open the file, or make it.

        Raises:
            StateError: it is damaged, locked, or of another version.
        """
        await self._in_thread(self._open)

    async def run(self, work: Callable[[Tables], T]) -> T:
        """Run a short piece of work in one transaction, which is on the disk when this returns.

        A caller that is cancelled leaves the work done or not done, never half.

        Raises:
            StoreFullError: the disk is full; nothing was changed.
            StateError: the file is damaged or locked; nothing was changed.
        """
        return await self._in_thread(lambda: self._transaction(work))

    async def close(self) -> None:
        """Close the file."""
        await self._in_thread(self._close)
        self._thread.shutdown()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _open(self) -> None:
        new = not self._path.exists()
        if new:
            os.close(os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
        try:
            connection = sqlite3.connect(self._path, isolation_level=None, timeout=LOCK_WAIT_S)
            self._connection = connection
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            for (said,) in connection.execute("PRAGMA quick_check(1)"):
                if said != "ok":
                    raise sqlite3.DatabaseError(said)
            self._make_tables(connection)
        except sqlite3.Error as error:
            raise _refusal(error, self._path) from error

    def _make_tables(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > schema.VERSION:
            raise StateError(
                f"the agent's store {self._path} was written by a newer hubfleet",
                hint="install that version, or a newer one",
            )
        if version == 0:
            connection.executescript(f"BEGIN;{schema.TABLES}PRAGMA user_version = {schema.VERSION};COMMIT;")

    def _transaction(self, work: Callable[[Tables], T]) -> T:
        connection = self._connection
        if connection is None:
            raise StateError("the agent's store is not open")
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(Tables(connection))
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise _refusal(error, self._path) from error
        return result

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _refusal(error: sqlite3.Error, path: Path) -> StateError:
    code = getattr(error, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else None
    # where SQLite cannot make the files beside its own, it says no more than that
    no_room = primary == sqlite3.SQLITE_IOERR and shutil.disk_usage(path.parent).free < NO_ROOM_BYTES
    if primary == sqlite3.SQLITE_FULL or no_room:
        return StoreFullError("the disk is full: nothing new is started", hint=f"free some space on the disk of {path}")
    if primary in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return StateError(
            f"another program holds the agent's store {path}", hint="find it with `fuser` and end it; nothing is lost"
        )
    if primary in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB} or primary is None:
        return StateError(
            f"the agent's store {path} is damaged ({error})",
            hint="put a backup of it in its place; servers keep running meanwhile, and none is collected",
        )
    return StateError(f"the agent's store {path} cannot be used: {error}", hint="see the disk and its permissions")
