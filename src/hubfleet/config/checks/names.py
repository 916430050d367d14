"""Names that point at something: clusters and groups."""

from collections.abc import Iterator

from hubfleet.config.notice import Notice
from hubfleet.config.resolve import unknown
from hubfleet.config.scene import Check, Finding, Scene
from hubfleet.errors import BadValueError, ConfigError, NotSupportedError
from hubfleet.model.hub import HubFile


def hubs_run_on_known_clusters(scene: Scene) -> Iterator[Finding]:
    """Each hub names a cluster, or there is only one."""
    known = scene.cluster_names()
    for hub in scene.hubs.values():
        name = scene.cluster_of(hub)
        if name and name not in known:
            yield unknown("cluster", name, known, hub.where("cluster"))
        elif not name and hub.sound("cluster"):
            hint = (
                f"add `cluster:` with one of {', '.join(sorted(known))}"
                if known
                else "make one: `hubfleet cluster add`"
            )
            yield ConfigError("the hub does not say on which cluster it runs", hint=hint, where=hub.where())


def servers_run_where_they_may(scene: Scene) -> Iterator[Finding]:
    """`servers_on` and profiles name known clusters, and only the hub's own for the time being."""
    known = scene.cluster_names()
    for hub in scene.hubs.values():
        for number, name in enumerate(hub.settings.servers_on):
            where = hub.where("servers_on", str(number))
            if name not in known:
                yield unknown("cluster", name, known, where)
            elif name != scene.cluster_of(hub):
                yield NotSupportedError(
                    f"servers on {name!r}, another cluster than the hub's own, are not supported yet",
                    hint="remove it from `servers_on`",
                    where=where,
                )
        for profile_name, profile in hub.settings.profiles.items():
            for name in profile.clusters:
                if name not in scene.servers_on(hub):
                    yield BadValueError(
                        f"the profile {profile_name!r} may run on {name!r}, but the hub's servers may not",
                        hint=f"servers_on is {', '.join(scene.servers_on(hub)) or 'empty'}",
                        where=hub.where("profiles", profile_name, "clusters"),
                    )


def groups_are_known(scene: Scene) -> Iterator[Finding]:
    """Each group that is used has members, or comes from the sign-in."""
    for hub in scene.hubs.values():
        if not hub.sound("groups"):
            continue
        known = set(hub.settings.groups)
        for path, groups in _uses(hub.settings):
            for group in groups:
                if group not in known:
                    error = unknown("group", group, known, hub.where(*path))
                    error.hint += f"; make it with `groups: {{{group}: [NAME]}}` or `{{from: sign_in}}`"
                    yield error


def groups_have_somebody(scene: Scene) -> Iterator[Finding]:
    """A group without members is most often a slip."""
    for hub in scene.hubs.values():
        for name, group in hub.settings.groups.items():
            where = hub.where("groups", name)
            if group.source == "sign_in" and group.members:
                yield BadValueError(
                    f"the group {name!r} has members here and from the sign-in",
                    hint="keep one of the two",
                    where=where,
                )
            elif group.source == "members" and not group.members:
                yield Notice(where, "empty-group", f"the group {name!r} has no members")


def profiles_exist(scene: Scene) -> Iterator[Finding]:
    """A hub has something to choose, for somebody."""
    for hub in scene.hubs.values():
        if hub.sound("profiles") and not hub.settings.profiles:
            yield BadValueError(
                "the hub has no profile", hint="remove `profiles`, or add one", where=hub.where("profiles")
            )


def fleet_has_hubs(scene: Scene) -> Iterator[Finding]:
    """A fleet without hubs is right, but not for long."""
    if not scene.hubs and not any(folder == "hubs" for folder, _ in scene.unreadable):
        yield Notice(scene.fleet.where(), "no-hubs", "the fleet has no hubs", "make one: `hubfleet hub new NAME`")


def _uses(hub: HubFile) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    yield ("allow", "groups"), hub.allow.groups
    for name, role in hub.roles.items():
        yield ("roles", name, "groups"), role.groups
    for name, folder in hub.shared_folders.items():
        yield ("shared_folders", name, "groups"), folder.groups
        yield ("shared_folders", name, "writers"), folder.writers
    for name, profile in hub.profiles.items():
        yield ("profiles", name, "groups"), profile.groups
        for option_name, option in profile.options.items():
            for choice_name, choice in option.choices.items():
                path = ("profiles", name, "options", option_name, "choices", choice_name, "groups")
                yield path, choice.groups


CHECKS: tuple[Check, ...] = (
    hubs_run_on_known_clusters,
    servers_run_where_they_may,
    groups_are_known,
    groups_have_somebody,
    profiles_exist,
    fleet_has_hubs,
)
