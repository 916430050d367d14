"""A profile's environments come one after the other, and go back step by step."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from hubfleet.records.entries import PromotionEntry, Reader
from hubfleet.records.store import Records
from hubfleet.records.tables import Tables
from unit.records.test_records import NOW, build, environment

pytestmark = pytest.mark.anyio
ANN = build()
BEFORE = "-"
"""What the hub's file says."""


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[Records]:
    records = Records(f"sqlite:///{tmp_path}/records.sqlite")
    await records.open()
    await records.run(lambda tables: tables.add_build(ANN))
    yield records
    await records.close()


def promoted(tables: Tables, letter: str, profile: str = "small") -> PromotionEntry:
    made = environment(ANN, digest=letter * 64, name=letter, lock=f"lock of {letter}")
    return tables.promotions.promote(profile, made, person="ci", at=NOW, build=ANN.id)


def gone_back(tables: Tables, profile: str = "small") -> PromotionEntry:
    return tables.promotions.go_back(tables.promotions.now()[profile], person="root", at=NOW + timedelta(1))


async def had(records: Records, steps: str) -> Sequence[str]:
    """Return what the profile has after each step: a letter promotes, `<` goes back."""

    def work(tables: Tables) -> list[str]:
        return [(gone_back(tables) if step == "<" else promoted(tables, step)).name or BEFORE for step in steps]

    return await records.run(work)


@pytest.mark.parametrize(
    ("steps", "has"),
    [
        ("abc", "abc"),
        ("a<", "a-"),
        ("abc<<", "abcba"),
        ("abc<<<", "abcba-"),
        ("abc<d<", "abcbdb"),
        ("aba<<", "ababa"),
        ("ab<c<<", "abaca-"),
    ],
)
async def test_going_back_undoes_one_step_each_time(records: Records, steps: str, has: str) -> None:
    """And what was gone back from does not come again by going back."""
    assert "".join(await had(records, steps)) == has


async def test_the_history_says_who_when_and_from_which_build(records: Records) -> None:
    """Newest first, each profile for itself; nothing of it is ever taken away."""
    await had(records, "ab<")
    await records.run(lambda tables: promoted(tables, "c", "large"))
    entries = await records.run(lambda tables: tables.promotions.history("small", limit=9))
    assert [(entry.name, entry.person, entry.back, entry.build) for entry in entries] == [
        ("a", "root", True, ANN.id),
        ("b", "ci", False, ANN.id),
        ("a", "ci", False, ANN.id),
    ]
    assert [entry.at for entry in entries] == [NOW + timedelta(1), NOW, NOW]
    now = await records.run(lambda tables: tables.promotions.now())
    assert {profile: entry.name for profile, entry in now.items()} == {"small": "a", "large": "c"}


async def test_locks_are_kept_when_the_owner_deletes(records: Records) -> None:
    """So that going back works, and a cluster that lost an environment can be sent it again."""
    own = environment(ANN, digest="a" * 64, lock="lock of a")
    await records.run(lambda tables: tables.make_environment(own))
    await had(records, "ab")
    await records.run(lambda tables: tables.delete_environment(own.digest, own.owner))
    assert await records.run(lambda tables: tables.environment(own.digest, Reader(person="ann"))) is None
    assert await records.run(lambda tables: tables.lock(own.digest)) == "lock of a"


async def test_what_profiles_have_and_had_before_is_in_use(records: Records) -> None:
    """No longer what is two steps away, unless another profile has it."""
    await had(records, "abc")
    in_use = await records.run(lambda tables: tables.promotions.in_use())
    assert in_use == {"b" * 64: "lock of b", "c" * 64: "lock of c"}
    await records.run(lambda tables: promoted(tables, "a", "large"))
    assert len(await records.run(lambda tables: tables.promotions.in_use())) == 3
