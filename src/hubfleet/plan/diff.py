"""Desired against observed: what to do, value by value, and what people will notice."""

from collections.abc import Iterable, Mapping, Sequence

from hubfleet.errors import Where
from hubfleet.plan.actions import Action, Applied, Change, Kind, Observed, Plan, Resource, Value

ORDER: tuple[Kind, ...] = ("software", "agent", "routes", "proxy", "certificates", "hub")
"""What others rest on comes first; deletions go the other way round."""

SERVERS_STAY = "running servers keep running"
HUB_RESTARTS = "the hub restarts: its pages pause for some seconds, running servers keep running"

EFFECTS: Mapping[str, str] = {
    "sign_in": "the sign-in page changes",
    "allow": "who may sign in changes; who is signed in already is asked again within five minutes",
    "admins": "who administers the hub changes",
    "groups": "who belongs to which group changes",
    "profiles": "the choices on the start page change; running servers keep what they were started with",
    "environments": "the choices on the start page change; running servers keep what they were started with",
    "culling": "idle servers are stopped by the new rule",
    "branding": "the look of the hub's pages changes",
    "title": "the look of the hub's pages changes",
    "announcement": "the announcement on the hub's pages changes",
    "home": "homes get the new limits when their server starts next",
    "shared_folders": "shared folders change when a server starts next",
    "named_servers": "how many servers a person may have changes",
    "domain": "the hub's address changes: old links and sign-ins stop working",
    "user_subdomains": "the addresses of people's servers change: open pages must be loaded again",
    "roles": "what people and services may do changes",
}
"""By the first part of a hub's key, what a person on that hub notices."""


def diff(
    desired: Sequence[Resource], observed: Observed, *, fleet: str, origins: Mapping[tuple[str, str], Where | str]
) -> Plan:
    """Return what to do so that what is desired is there.

    Args:
        desired: all resources that shall be.
        observed: all that are.
        fleet: the fleet's name.
        origins: (resource id, key) -> where the value was written, where that is known.
    """
    by_id = {resource.id: resource for resource in desired}
    actions = [
        action
        for resource in sorted(desired, key=_rank)
        if (action := _compare(resource, observed.applied.get(resource.id), origins)) is not None
    ]
    gone = [item.resource for name, item in observed.applied.items() if name not in by_id]
    actions += [_delete(resource) for resource in sorted(gone, key=_rank, reverse=True)]
    touched = {action.resource.id for action in actions}
    unchanged = tuple(sorted(name for name in by_id if name not in touched))
    return Plan(fleet=fleet, made_for=observed.digest(), actions=tuple(actions), unchanged=unchanged)


def _rank(resource: Resource) -> tuple[int, bool, str]:
    return ORDER.index(resource.kind), not resource.staging_for, resource.name


def _compare(
    resource: Resource, applied: Applied | None, origins: Mapping[tuple[str, str], Where | str]
) -> Action | None:
    if applied is None:
        changes = tuple(_changes({}, resource, origins)) if resource.kind == "hub" else ()
        return Action(do="create", resource=resource, changes=changes, effects=_created(resource))
    if applied.resource.digest() != resource.digest():
        changes = tuple(_changes(applied.resource.values, resource, origins))
        return Action(do="change", resource=resource, changes=changes, effects=_changed(resource, applied, changes))
    if not applied.healthy:
        again = (
            "it is proven again" if "proof" in applied.detail or "proven" in applied.detail else "it is started again"
        )
        effects = (f"{again} ({applied.detail})" if applied.detail else again, SERVERS_STAY)
        return Action(do="repair", resource=resource, effects=effects)
    return None


def _changes(
    old: Mapping[str, Value], resource: Resource, origins: Mapping[tuple[str, str], Where | str]
) -> Iterable[Change]:
    for key in sorted({*old, *resource.values}):
        before, after = old.get(key), resource.values.get(key)
        if _said(before) != _said(after):
            where = origins.get((resource.id, key), "")
            yield Change(key=key, old=before, new=after, where=str(where))


def _said(value: Value) -> Value:
    """Return a value so that not said and empty are the same."""
    return None if value == "" else value


def _created(resource: Resource) -> tuple[str, ...]:
    if resource.kind == "hub":
        return (f"people can sign in at {resource.values.get('address', 'its address')} once it is proven",)
    return ()


def _changed(resource: Resource, applied: Applied, changes: Sequence[Change]) -> tuple[str, ...]:
    if resource.kind == "hub":
        keys = dict.fromkeys(change.key.split(".")[0] for change in changes)
        effects = dict.fromkeys(EFFECTS[key] for key in keys if key in EFFECTS)
        restarts = () if resource.programs == applied.resource.programs else (HUB_RESTARTS,)
        return (*effects, *restarts)
    if resource.kind == "proxy" and {"listen", "https", "http_port"} & {change.key for change in changes}:
        return ("the proxy restarts: open pages connect again", SERVERS_STAY)
    if resource.kind == "certificates":
        return ("certificates are replaced while people are connected; nobody is cut off", SERVERS_STAY)
    if resource.kind == "proxy":
        return ("the proxy reads its configuration again; open connections stay", SERVERS_STAY)
    if resource.kind == "agent":
        return ("the agent restarts; servers that start now take some seconds longer", SERVERS_STAY)
    return (SERVERS_STAY,)


def _delete(resource: Resource) -> Action:
    effects: tuple[str, ...] = ()
    if resource.kind == "hub":
        effects = (
            "its servers are stopped and its address answers no more",
            "people's homes and the hub's database stay on the disk",
        )
    return Action(do="delete", resource=resource, effects=effects)
