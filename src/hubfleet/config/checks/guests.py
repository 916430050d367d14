"""Temporary servers for strangers: only where they reach nothing that is not meant for them."""

from collections.abc import Iterator

from hubfleet.config.draft import Draft
from hubfleet.config.notice import Notice
from hubfleet.config.resolve import unknown
from hubfleet.config.scene import Check, Finding, Scene
from hubfleet.errors import BadValueError
from hubfleet.model.features import Anonymous, guests_profile
from hubfleet.model.guests import is_guest
from hubfleet.model.hub import HubFile

_AT = ("features", "builds", "anonymous")


def guests_have_addresses_of_their_own(scene: Scene) -> Iterator[Finding]:
    """A page that a stranger's server shows must not be of the hub's own origin."""
    for hub, _ in _open(scene):
        if not scene.user_subdomains(hub):
            yield BadValueError(
                "without `user_subdomains`, pages of temporary servers could act as whoever is signed in",
                hint="write `user_subdomains: true`, or remove `anonymous`",
                where=hub.where(*_AT),
            )


def guests_share_no_network(scene: Scene) -> Iterator[Finding]:
    """Strangers' code must not reach what listens on the machine's own addresses."""
    for hub, _ in _open(scene):
        shared = [
            name
            for name in scene.servers_on(hub)
            if name in scene.clusters and scene.clusters[name].settings.network == "shared"
        ]
        if shared:
            yield BadValueError(
                f"temporary servers on {shared[0]!r} would share the machine's network",
                hint=f"take `network: shared` out of clusters/{shared[0]}.yaml, or remove `anonymous`",
                where=hub.where(*_AT),
            )


def guests_have_a_profile(scene: Scene) -> Iterator[Finding]:
    """There is one, it is for everybody, and it hands no secret to strangers."""
    for hub, wanted in _open(scene):
        profiles = hub.settings.profiles
        if not profiles or not hub.sound("profiles"):
            continue
        where = hub.where(*_AT, "profile") if wanted.profile else hub.where(*_AT)
        if wanted.profile and wanted.profile not in profiles:
            yield unknown("profile", wanted.profile, set(profiles), where)
            continue
        name = guests_profile(profiles, wanted)
        if not name:
            shown = f"the profile {wanted.profile!r} is" if wanted.profile else "all profiles are"
            hint = "name another one with `profile`, or take `groups` away"
            yield BadValueError(f"{shown} for groups only, and temporary users are in none", hint=hint, where=where)
            continue
        profile = profiles[name]
        choices = [choice for option in profile.options.values() for choice in option.choices.values()]
        secret = [
            key
            for variables in (profile.variables, *(choice.variables for choice in choices))
            for key, value in variables.items()
            if not isinstance(value, str)
        ]
        if secret:
            yield BadValueError(
                f"temporary servers would show the secret {secret[0]} of the profile {name!r} to strangers",
                hint="make a profile without it, and name it with `profile`",
                where=where,
            )


def nobody_is_called_as_guests_are(scene: Scene) -> Iterator[Finding]:
    """Who is listed under such a name could never sign in."""
    for hub in scene.hubs.values():
        for key, names in (("admins", hub.settings.admins), ("allow", hub.settings.allow.people)):
            for number, name in enumerate(names):
                if is_guest(name):
                    path = (key, str(number)) if key == "admins" else (key, "people", str(number))
                    yield BadValueError(
                        f"{name!r} is a temporary user's name, and nobody can sign in with it", where=hub.where(*path)
                    )


def pages_from_anywhere_are_said(scene: Scene) -> Iterator[Finding]:
    """It is mybinder.org's way, and easily written without a thought."""
    for hub, wanted in _open(scene):
        if "*" in wanted.origins:
            yield Notice(
                hub.where(*_AT, "origins"),
                "any-origin",
                "pages from anywhere may run code in this hub's temporary servers",
                "name the pages' own origins, such as https://docs.example.org, if you know them",
            )


def _open(scene: Scene) -> Iterator[tuple[Draft[HubFile], Anonymous]]:
    for hub in scene.hubs.values():
        builds = hub.settings.features.builds
        if builds is not None and builds.anonymous is not None:
            yield hub, builds.anonymous


CHECKS: tuple[Check, ...] = (
    guests_have_addresses_of_their_own,
    guests_share_no_network,
    guests_have_a_profile,
    nobody_is_called_as_guests_are,
    pages_from_anywhere_are_said,
)
