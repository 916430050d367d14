"""The records of one hub's portal: one database, opened by one thread, each change on the disk before it counts.

A damaged, locked or newer file is never mended or replaced here: the portal refuses to start. An older one is brought
to today's tables by its history.
"""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from hubfleet.errors import StateError, TemporaryError
from hubfleet.records.tables import Tables

T = TypeVar("T")

SQLITE = "sqlite:///"
HISTORY = Path(__file__).parent / "history"
LOCK_WAIT_S = 2.0
NO_ROOM_BYTES = 128 * 1024
"""Less than SQLite needs for the files beside its own."""


class RecordsFullError(StateError, TemporaryError):
    """The disk has no room for the portal's records."""

    code = "records-full"


class Records:
    """The records behind their own thread; each call of `run` is one transaction."""

    def __init__(self, url: str) -> None:
        """Name the database; `open` opens it.

        Args:
            url: of SQLAlchemy; a file of SQLite so far.

        Raises:
            StateError: it is of another kind.
        """
        if not url.startswith(SQLITE):
            raise StateError("the portal's records can only be a file of SQLite so far", hint=f"give {SQLITE}/PATH")
        self._url = url
        self._path = Path(url.removeprefix(SQLITE))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="records")
        self._engine: Engine | None = None

    async def open(self) -> None:
        """Open the database, or make it, and bring its tables to today's.

        Raises:
            StateError: it is damaged, locked, or of a newer version.
        """
        await self._in_thread(self._open)

    async def run(self, work: Callable[[Tables], T]) -> T:
        """Run a short piece of work in one transaction, which is on the disk when this returns.

        A caller that is cancelled leaves the work done or not done, never half.

        Raises:
            RecordsFullError: the disk is full; nothing was changed.
            StateError: the file is damaged or locked; nothing was changed.
        """
        return await self._in_thread(lambda: self._transaction(work))

    async def close(self) -> None:
        """Close the database."""
        await self._in_thread(self._close)
        self._thread.shutdown()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _open(self) -> None:
        with _refusals(self._path):
            if not self._path.exists():
                os.close(os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
            self._engine = make_engine(self._url)
            try:
                with self._engine.connect() as connection:
                    said = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
                    if said != "ok":
                        raise sqlite3.DatabaseError(str(said))
                upgrade(self._engine)
            except BaseException:
                self._close()
                raise

    def _transaction(self, work: Callable[[Tables], T]) -> T:
        if self._engine is None:
            raise StateError("the portal's records are not open")
        with _refusals(self._path), Session(self._engine) as session, session.begin():
            return work(Tables(session))

    def _close(self) -> None:
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None


def make_engine(url: str) -> Engine:
    """Return an engine over one connection, whose transactions begin when we say so."""
    engine = create_engine(url, poolclass=StaticPool, connect_args={"timeout": LOCK_WAIT_S})

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: object) -> None:
        # https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#pysqlite-serializable
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def upgrade(engine: Engine, to: str = "head") -> None:
    """Bring a database to a version of the history, in one transaction.

    Raises:
        StateError: it is of a version that this history does not know.
    """
    config = Config()
    config.set_main_option("script_location", str(HISTORY).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    with engine.begin() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        if current is not None and current not in known:
            raise StateError(
                f"the portal's records {engine.url.database} were written by a newer hubfleet",
                hint="install that version, or a newer one",
            )
        config.attributes["connection"] = connection
        command.upgrade(config, to)


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise _refusal(error.orig or error, path) from error
    except (sqlite3.Error, OSError) as error:
        raise _refusal(error, path) from error


def _refusal(error: BaseException, path: Path) -> StateError:
    code = getattr(error, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else None
    # where SQLite cannot make the files beside its own, it says no more than that
    no_room = primary == sqlite3.SQLITE_IOERR and shutil.disk_usage(path.parent).free < NO_ROOM_BYTES
    if primary == sqlite3.SQLITE_FULL or no_room:
        return RecordsFullError("the disk is full: nothing new is begun", hint=f"free some space on the disk of {path}")
    if primary in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return StateError(
            f"another program holds the portal's records {path}",
            hint="find it with `fuser` and end it; nothing is lost",
        )
    if primary in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB} or type(error) is sqlite3.DatabaseError:
        return StateError(
            f"the portal's records {path} are damaged ({error})", hint="put a backup of them in their place"
        )
    return StateError(f"the portal's records {path} cannot be used: {error}", hint="see the disk and its permissions")
