"""Plans say what differs, where that was written, and what people will notice."""

from hubfleet.errors import Where
from hubfleet.plan.actions import Applied, Observed, Resource
from hubfleet.plan.diff import HUB_RESTARTS, diff


def hub(**values: str | int) -> Resource:
    return Resource(kind="hub", name="ocean", values=values)


def observed(resource: Resource, *, healthy: bool = True) -> Observed:
    return Observed(applied={resource.id: Applied(resource=resource, revision=1, healthy=healthy, detail="it died")})


def test_a_changed_value_is_shown_with_old_new_and_place() -> None:
    """Field by field, old -> new, with file and line."""
    origins = {("hub ocean", "culling.idle_minutes"): Where("hubs/ocean.yaml", 7)}
    plan = diff(
        [hub(**{"culling.idle_minutes": 30})], observed(hub(**{"culling.idle_minutes": 60})), fleet="f", origins=origins
    )
    (change,) = plan.actions[0].changes
    assert (change.old, change.new, change.where) == (60, 30, "hubs/ocean.yaml:7")


def test_a_change_says_what_people_notice() -> None:
    """Culling is named in words of people, and a hub whose programs stay does not restart."""
    plan = diff(
        [hub(**{"culling.idle_minutes": 30})], observed(hub(**{"culling.idle_minutes": 60})), fleet="f", origins={}
    )
    assert plan.actions[0].effects == ("idle servers are stopped by the new rule",)
    assert HUB_RESTARTS not in plan.actions[0].effects


def test_what_does_not_run_is_repaired() -> None:
    """A resource as desired whose programs died is started again."""
    plan = diff([hub()], observed(hub(), healthy=False), fleet="f", origins={})
    assert plan.actions[0].do == "repair"
    assert "it died" in plan.actions[0].effects[0]


def test_what_is_right_is_not_in_the_plan() -> None:
    """An unchanged hub is listed as such."""
    plan = diff([hub()], observed(hub()), fleet="f", origins={})
    assert plan.empty
    assert plan.unchanged == ("hub ocean",)
