"""Reading and writing the store's tables, inside one transaction. Synchronous and short; only `Store` calls it."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from hubfleet.agent.records import Record, launcher_from_json, launcher_to_json, request_to_json
from hubfleet.protocol.messages import Event, Server, ServerRequest, ServerState, StopReason

MAX_EVENTS = 20_000
"""Events that are kept; who asks for older ones is told to read the whole list."""
REMEMBER_ANSWERS_S = 24 * 3600.0


class Tables:
    """The tables of the store, inside one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Work on an open transaction."""
        self._sql = connection

    def server(self, server: str) -> Record | None:
        """Return one server."""
        rows = self._sql.execute(f"SELECT {_COLUMNS} FROM servers WHERE id = ?", (server,))  # noqa: S608 - a constant
        return next(map(_record, rows), None)

    def servers(self, *, hub: str | None = None, since: int = 0, live: bool = False) -> list[Record]:
        """Return servers, of one hub or all, that changed after a number."""
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM servers WHERE seq > ? AND (? IS NULL OR hub = ?) AND live >= ? ORDER BY seq",  # noqa: S608 - a constant
            (since, hub, hub, int(live)),
        )
        return [_record(row) for row in rows]

    def save(self, record: Record, now: datetime) -> Record:
        """Save a server together with the event that says how it changed; return it with its new number."""
        server = record.server
        event = Event(
            seq=0,
            server=server.id,
            at=now,
            state=server.state,
            progress=server.progress,
            message=server.message,
            reason=server.reason,
        )
        seq = self._append(server.hub, event)
        changed = Record(
            server.model_copy(update={"seq": seq, "changed_at": now}),
            record.desired,
            record.request,
            record.launcher,
            record.stop_reason,
            record.notice,
        )
        self.keep(changed)
        return changed

    def keep(self, record: Record) -> None:
        """Save a server without an event, where nothing changed that callers see."""
        server = record.server
        self._sql.execute(
            "REPLACE INTO servers (id, hub, person, seq, live, desired, server, request, launcher, stop_reason, notice)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                server.id,
                server.hub,
                server.person,
                server.seq,
                _liveness(server.state),
                record.desired,
                server.model_dump_json(),
                request_to_json(record.request),
                launcher_to_json(record.launcher),
                record.stop_reason,
                record.notice,
            ),
        )

    def count(self) -> tuple[int, int]:
        """Return how many servers are live, and how many of them wait for their turn."""
        row = self._sql.execute(
            "SELECT count(*), total(live = ?) FROM servers WHERE live >= ?", (_QUEUED, _LIVE)
        ).fetchone()
        return int(row[0]), int(row[1])

    def forget(self, server: str) -> None:
        """Forget a server; its events stay until they are too old."""
        self._sql.execute("DELETE FROM servers WHERE id = ?", (server,))

    def _append(self, hub: str, event: Event) -> int:
        cursor = self._sql.execute(
            "INSERT INTO events (hub, server, event) VALUES (?, ?, ?)", (hub, event.server, event.model_dump_json())
        )
        seq = int(cursor.lastrowid or 0)
        self._sql.execute("DELETE FROM events WHERE seq <= ?", (seq - MAX_EVENTS,))
        return seq

    def events(self, *, since: int, hub: str | None, server: str | None, limit: int = 500) -> list[Event]:
        """Return events after a number, oldest first."""
        rows = self._sql.execute(
            "SELECT seq, event FROM events WHERE seq > ? AND (? IS NULL OR hub = ?) AND (? IS NULL OR server = ?)"
            " ORDER BY seq LIMIT ?",
            (since, hub, hub, server, server, limit),
        )
        return [Event.model_validate_json(event).model_copy(update={"seq": seq}) for seq, event in rows]

    def event_range(self) -> tuple[int, int]:
        """Return the numbers of the oldest event that is kept and of the last one ever; zeros if there was none."""
        oldest = self._sql.execute("SELECT min(seq) FROM events").fetchone()[0]
        last = self._sql.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
        return int(oldest or 0), int(last[0] if last else 0)

    def once(self, command: str, expires: float, now: float) -> bool:
        """Remember a command's id until it expires; say whether it is seen for the first time."""
        self._sql.execute("DELETE FROM commands WHERE expires < ?", (now,))
        cursor = self._sql.execute("INSERT OR IGNORE INTO commands (id, expires) VALUES (?, ?)", (command, expires))
        return cursor.rowcount == 1

    def answered(self, caller: str, key: str) -> tuple[str, str] | None:
        """Return server and request digest for which a caller used an idempotency key before."""
        rows = self._sql.execute("SELECT server, digest FROM answers WHERE caller = ? AND key = ?", (caller, key))
        row = rows.fetchone()
        return (str(row[0]), str(row[1])) if row else None

    def remember_answer(self, use: tuple[str, str], server: str, digest: str, now: float) -> None:
        """Remember that a caller's idempotency key was used."""
        self._sql.execute("DELETE FROM answers WHERE at < ?", (now - REMEMBER_ANSWERS_S,))
        self._sql.execute("REPLACE INTO answers VALUES (?, ?, ?, ?, ?)", (*use, server, digest, now))

    def uid(self, hub: str, name: str, allowed: tuple[int, int]) -> int | None:
        """Return the id of a person (or, as `shared/NAME`, a folder) of a hub, given at first use, to nobody else.

        None: the range is used up.
        """
        row = self._sql.execute("SELECT uid FROM uids WHERE hub = ? AND name = ?", (hub, name)).fetchone()
        if row:
            return int(row[0])
        last = self._sql.execute("SELECT max(uid) FROM uids WHERE uid BETWEEN ? AND ?", allowed).fetchone()[0]
        free = allowed[0] if last is None else int(last) + 1
        if free > allowed[1]:
            return None
        self._sql.execute("INSERT INTO uids (uid, hub, name) VALUES (?, ?, ?)", (free, hub, name))
        return free

    def home(self, hub: str, person: str, folder: str, now: float) -> str:
        """Return the folder of a person's home, remembered at first use."""
        self._sql.execute(
            "INSERT OR IGNORE INTO homes (hub, person, folder, made) VALUES (?, ?, ?, ?)", (hub, person, folder, now)
        )
        row = self._sql.execute("SELECT folder FROM homes WHERE hub = ? AND person = ?", (hub, person)).fetchone()
        return str(row[0])

    def homes(self, hub: str | None = None) -> list[tuple[str, str, str, int | None, float | None]]:
        """Return hub, person, folder, bytes used and when they were counted, of all homes."""
        rows: Sequence[tuple[str, str, str, int | None, float | None]] = self._sql.execute(
            "SELECT hub, person, folder, used_bytes, counted FROM homes WHERE ? IS NULL OR hub = ?"
            " ORDER BY hub, person",
            (hub, hub),
        ).fetchall()
        return list(rows)

    def count_home(self, hub: str, person: str, used_bytes: int, now: float) -> None:
        """Remember what a home holds, unless a later count is known."""
        self._sql.execute(
            "UPDATE homes SET used_bytes = ?, counted = ? WHERE hub = ? AND person = ? AND coalesce(counted, 0) <= ?",
            (used_bytes, now, hub, person, now),
        )


_ENDED, _LIVE, _QUEUED = 0, 1, 2
"""Values of the column `live`."""
_COLUMNS = "server, desired, request, launcher, stop_reason, notice"


def _liveness(state: ServerState) -> int:
    if not state.live:
        return _ENDED
    return _QUEUED if state is ServerState.QUEUED else _LIVE


def _record(row: tuple[str, str, str, str | None, str | None, str]) -> Record:
    server, desired, request, launcher, reason, notice = row
    return Record(
        Server.model_validate_json(server),
        "run" if desired == "run" else "stop",
        ServerRequest.model_validate_json(request),
        launcher_from_json(launcher),
        StopReason(reason) if reason else None,
        notice,
    )
