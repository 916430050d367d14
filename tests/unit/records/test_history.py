"""The history of the tables leads to those that the code knows, and loses nothing on the way."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select
from sqlalchemy.exc import OperationalError

from hubfleet.records.models import Base, BroughtRow, BuildRow, EnvironmentRow, PromotionRow
from hubfleet.records.store import make_engine, upgrade
from unit.records.test_records import DIGEST, NOW, build, environment

FIRST = "0001"


def test_the_history_ends_at_the_models(tmp_path: Path) -> None:
    """Whoever changes a model without a version of the history is told."""
    engine = make_engine(f"sqlite:///{tmp_path}/records.sqlite")
    upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_rows_of_the_first_version_are_kept(tmp_path: Path) -> None:
    """An upgrade from the first version to the newest keeps what was written."""
    engine = make_engine(f"sqlite:///{tmp_path}/records.sqlite")
    upgrade(engine, FIRST)
    entry = build()
    with engine.begin() as connection:
        connection.execute(insert(BuildRow).values(**entry.model_dump() | {"files": ["environment.yml"]}))
        made = {"digest": DIGEST, "name": "waves", "owner": "ann", "lock": "x", "packages_until": "2026-01-01"}
        connection.execute(insert(EnvironmentRow).values(**made, made_from=entry.id, created=NOW))
    upgrade(engine)
    with engine.connect() as connection:
        kept = connection.execute(select(BuildRow.id, BuildRow.files, BuildRow.created)).one()
        assert tuple(kept) == (entry.id, ["environment.yml"], NOW)
        assert connection.execute(select(EnvironmentRow.digest, EnvironmentRow.made_from)).one() == (DIGEST, entry.id)
    engine.dispose()


def test_who_had_an_environment_by_their_build_has_one_of_their_own(tmp_path: Path) -> None:
    """An upgrade from the first version takes nobody's away, and shares none."""
    engine = make_engine(f"sqlite:///{tmp_path}/records.sqlite")
    upgrade(engine, FIRST)
    ready = {"digest": DIGEST, "state": "ready", "files": []}
    anns, bobs, later = build(), build("bob"), build("bob", after_s=9)
    with engine.begin() as connection:
        for entry in (anns, bobs, later):
            connection.execute(insert(BuildRow).values(**entry.model_dump() | ready))
        connection.execute(insert(BuildRow).values(**build("cyd").model_dump() | ready | {"state": "failed"}))
        made = {"digest": DIGEST, "name": "mine", "owner": "ann", "lock": "x", "packages_until": "2026-01-01"}
        connection.execute(insert(EnvironmentRow).values(**made, made_from=anns.id, created=NOW))
    upgrade(engine)
    columns = (EnvironmentRow.owner, EnvironmentRow.name, EnvironmentRow.lock, EnvironmentRow.made_from)
    with engine.connect() as connection:
        found = connection.execute(select(*columns, EnvironmentRow.created, EnvironmentRow.shared_with)).all()
    assert [tuple(row) for row in found] == [
        ("ann", "mine", "x", anns.id, NOW, "nobody"),
        ("bob", "waves", "x", later.id, later.created, "nobody"),
    ]
    engine.dispose()


def test_an_upgrade_from_before_promotions_keeps_environments_and_promotes_none(tmp_path: Path) -> None:
    """Each profile has what the hub's file says, until somebody promotes."""
    engine = make_engine(f"sqlite:///{tmp_path}/records.sqlite")
    upgrade(engine, "0002")
    entry = build()
    with engine.begin() as connection:
        connection.execute(insert(BuildRow).values(**entry.model_dump() | {"files": []}))
        connection.execute(insert(EnvironmentRow).values(**environment(entry).model_dump()))
    upgrade(engine)
    with engine.connect() as connection:
        assert connection.execute(select(EnvironmentRow.digest, EnvironmentRow.owner)).all() == [(DIGEST, "ann")]
        assert connection.execute(select(PromotionRow.id)).all() == []
    engine.dispose()


def test_an_upgrade_that_fails_changes_nothing(tmp_path: Path) -> None:
    """Tables are changed in one transaction with the version that says so."""
    engine = make_engine(f"sqlite:///{tmp_path}/records.sqlite")
    with engine.begin() as connection:
        # in the way of the last table that the first version makes
        connection.exec_driver_sql("CREATE TABLE environments (x)")
    with pytest.raises(OperationalError, match="already exists"):
        upgrade(engine)
    with engine.connect() as connection:
        tables = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars().all()
    assert tables == ["environments"]
    engine.dispose()


def test_an_upgrade_from_before_files_were_brought_keeps_what_there_is(tmp_path: Path) -> None:
    """And nobody has brought any."""
    engine = make_engine(f"sqlite:///{tmp_path}/records.sqlite")
    upgrade(engine, "0003")
    entry = build()
    with engine.begin() as connection:
        connection.execute(insert(BuildRow).values(**entry.model_dump() | {"files": []}))
    upgrade(engine)
    with engine.connect() as connection:
        assert connection.execute(select(BuildRow.id)).all() == [(entry.id,)]
        assert connection.execute(select(BroughtRow.id)).all() == []
    engine.dispose()
