"""The store keeps what it was told, or says clearly why it cannot."""

import os
import sqlite3
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fake_agent import World, number, wanted
from hubfleet.agent.records import new_record
from hubfleet.agent.store import Store, StoreFullError
from hubfleet.agent.tables import MAX_EVENTS, Tables
from hubfleet.errors import StateError

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(tmp_path / "agent.sqlite")
    await store.open()
    yield store
    await store.close()


async def test_only_the_owner_may_read_it(store: Store, tmp_path: Path) -> None:
    """Tokens are in it, so its mode is 0600, and that of its companions too."""
    await store.run(lambda tables: tables.save(new_record(number(), wanted(), NOW), NOW))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in map(Path, os.scandir(tmp_path))}
    assert set(modes.values()) == {0o600}, modes


async def test_what_was_saved_is_there_after_the_process_is_gone(store: Store, tmp_path: Path) -> None:
    """A second connection sees what `run` returned from, without any closing."""
    saved = await store.run(lambda tables: tables.save(new_record(number(), wanted(), NOW), NOW))
    with sqlite3.connect(tmp_path / "agent.sqlite") as other:
        found = Tables(other).server(number())
    other.close()
    assert found == saved
    assert found is not None and found.request.secrets.api_token.get_secret_value() == "token-ann-0"


async def test_work_that_fails_changes_nothing(store: Store) -> None:
    """A transaction is whole or not at all."""

    def work(tables: Tables) -> None:
        tables.save(new_record(number(), wanted(), NOW), NOW)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await store.run(work)
    assert await store.run(lambda tables: tables.servers()) == []
    assert await store.run(lambda tables: tables.event_range()) == (0, 0)


async def test_ids_are_never_given_twice(store: Store) -> None:
    """Each person of each hub has one id, the same for ever, and nobody else gets it."""
    allowed = (200_000, 200_003)
    given = [
        await store.run(lambda tables, hub=hub, name=name: tables.uid(hub, name, allowed))
        for hub, name in [("ocean", "ann"), ("maths", "ann"), ("ocean", "bob"), ("ocean", "ann")]
    ]
    assert given == [200_000, 200_001, 200_002, 200_000]
    assert await store.run(lambda tables: tables.uid("ocean", "cyd", allowed)) == 200_003
    assert await store.run(lambda tables: tables.uid("ocean", "dan", allowed)) is None


async def test_of_two_counts_of_a_home_the_later_one_stays(store: Store) -> None:
    """A count takes its time: one that began earlier may end after the other."""

    def work(tables: Tables) -> list[tuple[int | None, float | None]]:
        tables.home("ocean", "ann", "ann-1", 1.0)
        for used, at in ((30, 20.0), (10, 10.0)):
            tables.count_home("ocean", "ann", used, at)
        return [(used, counted) for *_, used, counted in tables.homes("ocean")]

    assert await store.run(work) == [(30, 20.0)]


async def test_a_command_counts_once(store: Store, tmp_path: Path) -> None:
    """A command's id is known until it expires, past a restart too."""
    assert await store.run(lambda tables: tables.once("a", 100.0, 50.0))
    again = Store(tmp_path / "agent.sqlite")
    await again.open()
    assert not await again.run(lambda tables: tables.once("a", 100.0, 60.0))
    await again.close()


async def test_old_events_go(store: Store) -> None:
    """Events are capped, and the range says what is left."""

    def many(tables: Tables) -> None:
        for _ in range(MAX_EVENTS + 10):
            tables.save(new_record(number(), wanted(), NOW), NOW)

    await store.run(many)
    assert await store.run(lambda tables: tables.event_range()) == (11, MAX_EVENTS + 10)


@pytest.mark.parametrize("content", [b"this is no database at all, but long enough to be read as one" * 20, b"SQLite"])
async def test_a_damaged_store_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    """A file that is no database is an error with a way out, never replaced."""
    path = tmp_path / "agent.sqlite"
    path.write_bytes(content)
    with pytest.raises(StateError, match="damaged"):
        await Store(path).open()
    assert path.read_bytes() == content


async def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """An older agent does not touch what a newer one wrote."""
    with sqlite3.connect(tmp_path / "agent.sqlite") as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(StateError, match="newer"):
        await Store(tmp_path / "agent.sqlite").open()


async def test_a_locked_store_is_an_error_that_names_the_way_out(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program that holds the file makes a clear error, and nothing is lost."""
    assert store._connection is not None
    await store._in_thread(lambda: store._connection.execute("PRAGMA busy_timeout = 1"))
    holder = sqlite3.connect(tmp_path / "agent.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StateError, match="another program holds"):
        await store.run(lambda tables: tables.servers())
    holder.execute("ROLLBACK")
    holder.close()
    assert await store.run(lambda tables: tables.servers()) == []


async def test_a_full_disk_is_an_error_of_its_own(store: Store) -> None:
    """No room for a record is told apart, since it refuses starts with 507."""
    await store._in_thread(lambda: store._connection.execute("PRAGMA max_page_count = 30"))

    def fill(tables: Tables) -> None:
        for count in range(2000):
            tables.save(new_record(number(str(count)), wanted(str(count)), NOW), NOW)

    with pytest.raises(StoreFullError):
        await store.run(fill)


async def test_a_damaged_store_ends_no_server(tmp_path: Path) -> None:
    """An agent that cannot read its records refuses to serve, and what runs goes on."""
    world = World(tmp_path)
    async with world.agent() as agent:
        await agent.put(wanted())
    running = dict(world.cluster)
    for entry in os.scandir(tmp_path):
        if entry.name.startswith("agent.sqlite"):
            os.unlink(entry.path)  # noqa: PTH108
    (tmp_path / "agent.sqlite").write_bytes(os.urandom(8192))
    with pytest.raises(StateError):
        async with world.agent():
            pass
    assert world.cluster == running
