"""Apply: order, proof, putting back, and what is left alone."""

from pathlib import Path

import pytest

from hubfleet.errors import WorldChangedError
from hubfleet.plan.actions import Action, Plan, Resource
from hubfleet.plan.applier import Outcome, apply
from hubfleet.plan.diff import diff
from hubfleet.plan.journal import Journal
from hubfleet.testing.platforms import FakePlatform


def hub(name: str, title: str = "One", staging_for: str = "") -> Resource:
    return Resource(kind="hub", name=name, values={"title": title}, staging_for=staging_for)


AGENT = Resource(kind="agent", name="west")


def run(desk: FakePlatform, folder: Path) -> Outcome:
    plan = diff(desk.desired(), desk.observe(), fleet="f", origins={})
    return apply(plan, desk, Journal(folder / "journal"), lambda *_: None)


def test_what_others_rest_on_comes_first_and_each_hub_is_proven(tmp_path: Path) -> None:
    """The agent comes before hubs, staging before production, a proof after each hub."""
    desk = FakePlatform(hub("ocean"), hub("ocean-staging", staging_for="ocean"), AGENT)
    assert run(desk, tmp_path).good
    assert desk.log == [
        "create agent west",
        "create hub ocean-staging",
        "prove hub ocean-staging",
        "create hub ocean",
        "prove hub ocean",
    ]


def test_a_second_apply_does_nothing(tmp_path: Path) -> None:
    """What is there as desired gives an empty plan."""
    desk = FakePlatform(hub("ocean"), AGENT)
    run(desk, tmp_path)
    assert diff(desk.desired(), desk.observe(), fleet="f", origins={}).empty


def test_a_twin_that_fails_its_proof_leaves_production_alone_and_others_go_on(tmp_path: Path) -> None:
    """Only the hub whose rehearsal failed waits."""
    desk = FakePlatform(hub("ocean"), hub("ocean-staging", staging_for="ocean"), hub("river"))
    desk.unprovable = {"hub ocean-staging"}
    outcome = run(desk, tmp_path)
    assert [action.resource.name for action in outcome.left_alone] == ["ocean"]
    assert [action.resource.name for action in outcome.done] == ["river"]


def test_a_hub_that_fails_its_proof_is_put_back(tmp_path: Path) -> None:
    """The newest proven revision runs again, as a new revision."""
    desk = FakePlatform(hub("ocean"))
    run(desk, tmp_path)
    desk.wanted, desk.unprovable = (hub("ocean", title="Two"),), {"hub ocean"}
    assert not run(desk, tmp_path).good
    assert desk.log[-1] == "restore hub ocean 1"
    assert desk.revisions("hub ocean")[0].resource.values["title"] == "One"


def test_a_new_hub_that_fails_is_left_to_look_at(tmp_path: Path) -> None:
    """There is nothing to put back."""
    desk = FakePlatform(hub("ocean"))
    desk.unprovable = {"hub ocean"}
    assert not run(desk, tmp_path).good
    assert not any(line.startswith("restore") for line in desk.log)


def test_hubs_wait_for_a_shared_part_that_failed(tmp_path: Path) -> None:
    """Without its agent no hub is begun."""
    desk = FakePlatform(hub("ocean"), AGENT)
    desk.broken = {"agent west"}
    outcome = run(desk, tmp_path)
    assert desk.log == ["create agent west"]
    assert [action.resource.name for action in outcome.left_alone] == ["ocean"]


def test_names_are_compared_whole(tmp_path: Path) -> None:
    """A failure of `uk-2` does not stop `uk` (a fault of an existing fleet tool)."""
    desk = FakePlatform(hub("uk"), hub("uk-2"))
    desk.unprovable = {"hub uk-2"}
    assert [action.resource.name for action in run(desk, tmp_path).done] == ["uk"]


def test_a_plan_for_another_world_is_refused(tmp_path: Path) -> None:
    """Two plans from one state: the second is refused once the first was applied."""
    desk = FakePlatform(hub("ocean"))
    plan: Plan = diff(desk.desired(), desk.observe(), fleet="f", origins={})
    apply(plan, desk, Journal(tmp_path / "journal"), lambda *_: None)
    with pytest.raises(WorldChangedError):
        apply(plan, desk, Journal(tmp_path / "journal"), lambda *_: None)


def test_what_is_no_longer_desired_is_deleted(tmp_path: Path) -> None:
    """A deleted file is planned (a fault of an existing fleet tool)."""
    desk = FakePlatform(hub("ocean"), hub("river"))
    run(desk, tmp_path)
    desk.wanted = (hub("ocean"),)
    plan = diff(desk.desired(), desk.observe(), fleet="f", origins={})
    assert [(action.do, action.resource.name) for action in plan.actions] == [("delete", "river")]
    assert "homes" in " ".join(plan.actions[0].effects)


def test_an_interrupted_apply_is_seen_and_continued(tmp_path: Path) -> None:
    """Killed in the middle, the next apply says where, and does what is left."""

    class Killed(BaseException):
        pass

    desk = FakePlatform(AGENT, hub("ocean"))
    carry_out = desk.carry_out

    def killed(action: Action) -> bool:
        if action.resource.kind == "hub":
            raise Killed
        return carry_out(action)

    desk.carry_out = killed  # type: ignore[method-assign]
    with pytest.raises(Killed):
        run(desk, tmp_path)
    assert Journal(tmp_path / "journal").interrupted() == "+ hub ocean"
    desk.carry_out = carry_out  # type: ignore[method-assign]
    assert [action.resource.id for action in run(desk, tmp_path).done] == ["hub ocean"]
    assert not Journal(tmp_path / "journal").interrupted()
