"""The records keep what they were told, and say clearly why they cannot."""

import os
import sqlite3
import stat
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hubfleet.errors import StateError
from hubfleet.records.entries import BuildEntry, EnvironmentEntry, Reader
from hubfleet.records.store import Records
from hubfleet.records.tables import Tables, repository_name

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DIGEST = "ab" * 32


def build(person: str = "ann", *, after_s: int = 0, **more: object) -> BuildEntry:
    plain: dict[str, object] = {
        "id": uuid.uuid4(),
        "person": person,
        "repository": f"https://git.test/{person}/waves",
        "ref": "HEAD",
        "packages_until": "commit",
        "cluster": "here",
        "created": NOW + timedelta(seconds=after_s),
    }
    return BuildEntry.model_validate(plain | more)


def environment(of: BuildEntry, **more: object) -> EnvironmentEntry:
    plain = {"digest": DIGEST, "name": "waves", "owner": of.person, "lock": "x", "made_from": of.id, "created": NOW}
    return EnvironmentEntry.model_validate(plain | more)


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[Records]:
    records = Records(f"sqlite:///{tmp_path}/records.sqlite")
    await records.open()
    yield records
    await records.close()


async def test_only_the_owner_may_read_them(records: Records, tmp_path: Path) -> None:
    """Names of private repositories are in them, so the mode is 0600, and that of the files beside it too."""
    await records.run(lambda tables: tables.add_build(build()))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in map(Path, os.scandir(tmp_path))}
    assert set(modes.values()) == {0o600}, modes


async def test_each_change_is_on_the_disk_at_once(records: Records, tmp_path: Path) -> None:
    """The journal is written ahead and synced in full, and a second connection sees what `run` returned from."""
    written = build(files=("environment.yml",), ended=NOW)
    await records.run(lambda tables: tables.add_build(written))
    other = Records(f"sqlite:///{tmp_path}/records.sqlite")
    await other.open()
    assert await other.run(lambda tables: tables.build(written.id)) == written
    await other.close()
    pragmas = ("journal_mode", "synchronous")
    asked = [await records.run(lambda tables, name=name: pragma(tables, name)) for name in pragmas]
    assert asked == ["wal", 2]


def pragma(tables: Tables, name: str) -> object:
    return tables._session.connection().exec_driver_sql(f"PRAGMA {name}").scalar()


async def test_work_that_fails_changes_nothing(records: Records) -> None:
    """A transaction is whole or not at all."""

    def work(tables: Tables) -> None:
        tables.add_build(build())
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await records.run(work)
    assert await records.run(lambda tables: tables.builds(None, limit=9)) == []


async def test_a_change_leaves_the_rest(records: Records) -> None:
    """Two who change different things of a build do not undo each other's."""
    written = build()
    await records.run(lambda tables: tables.add_build(written))
    await records.run(lambda tables: tables.change_build(written.id, stop_wanted=True))
    after = await records.run(lambda tables: tables.change_build(written.id, message="resolving", seq=3))
    assert (after.stop_wanted, after.message, after.seq) == (True, "resolving", 3)


async def test_builds_are_listed_newest_first(records: Records) -> None:
    """One person sees their own, whoever asks for all gets all; a search looks at the repository's address."""
    for entry in (build(), build(after_s=2), build("bob", after_s=1), build("ann", repository="https://h/100%")):
        await records.run(lambda tables, entry=entry: tables.add_build(entry))
    found = await records.run(lambda tables: tables.builds("ann", limit=9))
    assert found[0].created == NOW + timedelta(seconds=2)
    assert {entry.person for entry in found} == {"ann"}
    assert len(await records.run(lambda tables: tables.builds(None, limit=9))) == 4
    assert len(await records.run(lambda tables: tables.builds(None, limit=2))) == 2
    assert len(await records.run(lambda tables: tables.builds("ann", search="WAVES", limit=9))) == 2
    assert len(await records.run(lambda tables: tables.builds("ann", search="%", limit=9))) == 1


async def test_what_has_not_ended_is_unfinished(records: Records) -> None:
    """A restart finds what is to be followed further."""
    await records.run(lambda tables: tables.add_build(build(ended=NOW, state="ready")))
    going = build(state="resolving")
    await records.run(lambda tables: tables.add_build(going))
    assert await records.run(lambda tables: tables.unfinished()) == [going]
    assert await records.run(lambda tables: tables.unfinished("bob")) == []


async def test_equal_environments_of_two_people_do_not_tell_on_each_other(records: Records) -> None:
    """Whoever built the same lock has it under their own name, as what their own build made; others see nothing."""
    anns, bobs = await made(records, "ann", name="secret"), await made(records, "bob", name="tides")
    (seen,) = await records.run(lambda tables: tables.environments(Reader(person="bob"), limit=9))
    assert seen == bobs.model_copy(update={"lock": ""})
    assert await records.run(lambda tables: tables.environment(DIGEST, Reader(person="bob"))) == bobs
    for search, found in (("TIDES", [seen]), ("/BOB/", [seen]), ("sec", [])):
        assert await listed(records, "bob", search=search) == found
    assert await listed(records, "cyd") == []
    assert await records.run(lambda tables: tables.environment(DIGEST, Reader(person="cyd"))) is None
    everything = Reader(person="root", everything=True)
    assert len(await records.run(lambda tables: tables.environments(everything, limit=9))) == 2
    assert await records.run(lambda tables: tables.environment(DIGEST, everything)) == anns
    assert await records.run(lambda tables: tables.made_since(NOW)) == [anns, bobs]
    assert await records.run(lambda tables: tables.made_since(NOW + timedelta(seconds=1))) == []


@pytest.mark.parametrize(
    ("shared_with", "sees"),
    [("nobody", set()), ("group:staff", {"bob"}), ("everybody", {"bob", "cyd"}), ("group:", set()), ("staff", set())],
)
async def test_shared_environments_are_seen_by_whom_they_are_shared_with(
    records: Records, shared_with: str, sees: set[str]
) -> None:
    """A person of the group, or anybody, and nobody else; for its owner nothing changes."""
    entry = await made(records, "ann", shared_with=shared_with)
    for person, groups in (("ann", set()), ("bob", {"staff"}), ("cyd", {"nobody", "students"})):
        reader = Reader(person=person, groups=frozenset(groups))
        found = await records.run(lambda tables, reader=reader: tables.environment(DIGEST, reader))
        assert (found == entry) == (person in sees | {"ann"}), person
        for own, wanted in ((True, {"ann"}), (False, sees), (None, sees | {"ann"})):
            work = lambda tables, reader=reader, own=own: tables.environments(reader, own=own, limit=9)  # noqa: E731
            assert bool(await records.run(work)) == (person in wanted), (person, own)


async def test_ones_own_is_seen_before_what_is_shared(records: Records) -> None:
    """The same digest leads to the environment that its reader may change."""
    await made(records, "ann", shared_with="everybody")
    bobs = await made(records, "bob")
    assert await records.run(lambda tables: tables.environment(DIGEST, Reader(person="bob"))) == bobs


async def test_an_environment_is_changed_and_forgotten_for_its_owner_alone(records: Records) -> None:
    """Another who has the same keeps theirs as it was, and the builds stay."""
    anns, bobs = await made(records, "ann"), await made(records, "bob")
    changed = await records.run(lambda tables: tables.change_environment(DIGEST, "ann", name="tides"))
    assert changed == anns.model_copy(update={"name": "tides"})
    assert await records.run(lambda tables: tables.change_environment(DIGEST, "cyd", name="mine")) is None
    await records.run(lambda tables: tables.delete_environment(DIGEST, "ann"))
    assert await listed(records, "ann") == []
    assert await records.run(lambda tables: tables.build(anns.made_from)) is not None
    assert await records.run(lambda tables: tables.environment(DIGEST, Reader(person="bob"))) == bobs


async def made(records: Records, person: str, **more: object) -> EnvironmentEntry:
    of = build(person, digest=DIGEST, state="ready", ended=NOW)
    entry = environment(of, **more)
    await records.run(lambda tables: tables.add_build(of))
    await records.run(lambda tables: tables.make_environment(entry))
    await records.run(lambda tables: tables.make_environment(entry.model_copy(update={"name": "again"})))
    return entry


async def listed(records: Records, person: str, *, search: str = "") -> list[EnvironmentEntry]:
    return await records.run(lambda tables: tables.environments(Reader(person=person), search=search, limit=9))


@pytest.mark.parametrize("content", [b"this is no database at all, but long enough to be read as one" * 20, b"SQLite"])
async def test_damaged_records_are_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    """A file that is no database is an error with a way out, never replaced."""
    path = tmp_path / "records.sqlite"
    path.write_bytes(content)
    with pytest.raises(StateError, match="damaged"):
        await Records(f"sqlite:///{path}").open()
    assert path.read_bytes() == content


async def test_records_of_a_newer_version_are_refused(records: Records, tmp_path: Path) -> None:
    """An older portal does not touch what a newer one wrote."""
    with sqlite3.connect(tmp_path / "records.sqlite") as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
    newer.close()
    with pytest.raises(StateError, match="newer"):
        await Records(f"sqlite:///{tmp_path}/records.sqlite").open()


async def test_records_that_another_program_holds_are_refused(
    records: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever holds the file is to be ended; nothing is lost meanwhile."""
    with sqlite3.connect(tmp_path / "records.sqlite", isolation_level=None) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr("hubfleet.records.store.LOCK_WAIT_S", 0.01)
        with pytest.raises(StateError, match="another program"):
            await Records(f"sqlite:///{tmp_path}/records.sqlite").open()
    holder.close()


async def test_a_full_disk_is_told(records: Records) -> None:
    """What cannot be written raises and is not half there."""

    def fill(tables: Tables) -> None:
        connection = tables._session.connection()
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        for number in range(500):
            tables.add_build(build(after_s=number, message="x" * 500))
        tables._session.flush()

    with pytest.raises(StateError, match="disk is full"):
        await records.run(fill)
    assert await records.run(lambda tables: tables.builds(None, limit=9)) == []


def test_another_database_is_refused() -> None:
    """What cannot work yet is said, rather than half done."""
    with pytest.raises(StateError, match="SQLite"):
        Records("postgresql://host/records")


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://github.com/ann/waves.git", "waves"),
        ("https://git.test/waves/", "waves"),
        ("https://git.test", "https://git.test"),
    ],
)
def test_a_repository_has_a_short_name(address: str, name: str) -> None:
    """An environment is first called as its repository is."""
    assert repository_name(address) == name
