"""A change is shown, rehearsed on the staging twin, proven, and put back where its proof fails."""

from collections.abc import Iterator

import pytest

from machines import Machine, machine

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("machine")]

HUB = "sign_in: {with: shared-password}\nallow: {everyone: true}\n"
BREAKS_SERVERS = """\
def broken(spawner):
    raise RuntimeError("no server starts with this")


c.Spawner.pre_spawn_hook = broken
"""


FILES = {"hubs/ocean.yaml": HUB + "staging: true\n", "hubs/river.yaml": HUB}


@pytest.fixture(scope="module")
def made() -> Iterator[Machine]:
    """A fleet of two hubs, one of them with a twin."""
    with machine(FILES) as made:
        yield made


@pytest.fixture
def fleet(made: Machine) -> Machine:
    """The fleet as its first files say, applied, whatever an earlier test did."""
    made.write(FILES)
    made.run("apply", "--yes", timeout_s=400)
    return made


def test_a_second_plan_is_empty(fleet: Machine) -> None:
    """What was applied is what is desired."""
    assert "nothing to do" in fleet.run("plan").stdout


def test_a_plan_shows_old_and_new_with_place_and_what_people_notice(fleet: Machine) -> None:
    """One changed value is one line, and only that hub is in the plan."""
    fleet.write({"hubs/river.yaml": HUB + "culling: {idle_minutes: 33}\n"})
    shown = fleet.run("plan").stdout
    assert "culling.idle_minutes: 60 -> 33  hubs/river.yaml:3" in shown
    assert "idle servers are stopped by the new rule" in shown
    assert "hub ocean" not in shown


def test_a_failed_rehearsal_leaves_production_alone_and_others_go_on(fleet: Machine) -> None:
    """The twin is put back to its proven revision, production is not touched, the other hub is changed."""
    before = fleet.pid("hub-ocean")
    fleet.write(
        {
            "breaks.py": BREAKS_SERVERS,
            "hubs/ocean.yaml": HUB + "staging: true\npython_file: breaks.py\n",
            "hubs/river.yaml": HUB + "culling: {idle_minutes: 44}\n",
        }
    )
    done = fleet.run("apply", "--yes", check=False, timeout_s=600)
    assert done.status == 1
    assert "hub ocean-staging: put back" in done.stderr
    assert "hub ocean: left alone" in done.stderr
    assert "hub river: done" in done.stderr
    assert fleet.pid("hub-ocean") == before
    fleet.run("prove", "ocean-staging")


def test_rolling_back_brings_an_earlier_revision(fleet: Machine) -> None:
    """The hub runs as before, proven, and the plan says that the files differ."""
    for minutes in (33, 44):
        fleet.write({"hubs/river.yaml": HUB + f"culling: {{idle_minutes: {minutes}}}\n"})
        fleet.run("apply", "--yes")
    done = fleet.run("rollback", "river", "--yes")
    assert "is proven" in done.stdout
    assert "culling.idle_minutes: 33 -> 44" in fleet.run("plan").stdout


def test_a_plan_that_was_kept_is_refused_once_the_world_has_changed(fleet: Machine) -> None:
    """Between making and carrying out, something else was applied."""
    fleet.write({"hubs/river.yaml": HUB + "culling: {idle_minutes: 55}\n"})
    kept = fleet.folder / "kept.json"
    fleet.run("plan", "--out", str(kept))
    fleet.run("apply", "--yes", timeout_s=400)
    refused = fleet.run("apply", str(kept), "--yes", check=False)
    assert refused.status == 1
    assert "something was applied since this plan was made" in refused.stderr
