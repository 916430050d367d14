"""What a person may choose for a server of a hub, and for each no the reason; form and API ask the same."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hubfleet.model.features import guests_profile
from hubfleet.model.hub import Hub
from hubfleet.model.overrides import Overrides
from hubfleet.model.profile import App, Choice, Option, Profile, Resources
from hubfleet.model.secret import SecretReference
from hubfleet.policy.content import Files

BASE = "base"
"""The cluster's base software, as profiles and people name it."""
_DIGEST = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Person:
    """Who asks."""

    name: str
    groups: frozenset[str] = frozenset()
    admin: bool = False
    guest: bool = False
    """Whether they never signed in, and get one temporary server."""


@dataclass(frozen=True)
class Chosen:
    """A server that a person may have, with everything that follows from the answers."""

    profile: str
    cluster: str
    options: Mapping[str, str] = field(default_factory=dict)
    """Option -> choice, for all options of the profile."""
    title: str = ""
    """Profile and choices for people, such as `Standard, 4 GiB`."""
    resources: Resources = field(default_factory=Resources)
    environment: str = "base"
    app: App = "lab"
    default_url: str = ""
    variables: Mapping[str, str | SecretReference] = field(default_factory=dict)
    files: Files = field(default_factory=Files)


@dataclass(frozen=True)
class ChoiceOffer:
    """One answer to an option's question."""

    name: str
    title: str
    description: str
    refused: str = ""
    """Why this person may not choose it; empty: they may."""


@dataclass(frozen=True)
class OptionOffer:
    """One question below a profile."""

    name: str
    title: str
    choices: tuple[ChoiceOffer, ...]
    default: str
    """The first choice that the person may take; empty: there is none."""


@dataclass(frozen=True)
class ClusterOffer:
    """One cluster for a profile."""

    name: str
    refused: str = ""


@dataclass(frozen=True)
class ProfileOffer:
    """One profile, its questions, and where it may run."""

    name: str
    title: str
    description: str
    resources: Resources
    """What it has before any option changes it."""
    options: tuple[OptionOffer, ...]
    clusters: tuple[ClusterOffer, ...]
    refused: str = ""


@dataclass(frozen=True)
class Choices:
    """All that a hub has to offer to a person, the refused with their reasons; nothing is hidden without one."""

    profiles: tuple[ProfileOffer, ...]
    default: str
    """The profile that is selected first; empty: the person may choose none."""

    def profile(self, name: str) -> ProfileOffer | None:
        """Return a profile by name."""
        return next((offer for offer in self.profiles if offer.name == name), None)

    def allowed(self) -> tuple[ProfileOffer, ...]:
        """Return the profiles that the person may choose."""
        return tuple(offer for offer in self.profiles if not offer.refused)


def choices(hub: Hub, overrides: Overrides, person: Person) -> Choices:
    """Return what a person may choose on a hub. Admins may choose everything."""
    offers = tuple(_profile(hub, name, profile, overrides, person) for name, profile in hub.profiles.items())
    allowed = [offer.name for offer in offers if not offer.refused]
    wished = overrides.default_profile
    default = wished if wished is not None and wished in allowed else next(iter(allowed), "")
    return Choices(offers, default)


def environment_refused(hub: Hub, environment: str) -> str:
    """Return why nobody may start servers of a hub with an environment, named by its digest; empty: people may."""
    if environment == BASE:
        return ""
    if not hub.features.builds:
        return "servers of this hub start with its own software only"
    if not _DIGEST.fullmatch(environment):
        return "an environment is named by 64 digits (0-9 and a-f)"
    return ""


def title_of(name: str, thing: Profile | Option | Choice) -> str:
    """Return what people read for a profile, option or choice."""
    return thing.title or name.replace("-", " ").capitalize()


def _profile(hub: Hub, name: str, profile: Profile, overrides: Overrides, person: Person) -> ProfileOffer:
    options = tuple(_option(key, option, person) for key, option in profile.options.items())
    refused = _group_reason(profile.groups, person) or _guest_reason(hub, name, person)
    if not refused and name in overrides.hidden_profiles and not person.admin:
        refused = "the hub's admins do not offer it just now"
    blocked = next((option for option in options if not option.default), None)
    if not refused and blocked is not None:
        refused = f"nothing that it offers for {blocked.title!r} is for you"
    return ProfileOffer(
        name=name,
        title=title_of(name, profile),
        description=profile.description,
        resources=Resources.model_validate({key: getattr(profile, key) for key in Resources.model_fields}),
        options=options,
        clusters=tuple(_cluster(cluster, profile) for cluster in hub.servers_on),
        refused=refused,
    )


def _option(name: str, option: Option, person: Person) -> OptionOffer:
    offers = tuple(
        ChoiceOffer(key, title_of(key, choice), choice.description, _group_reason(choice.groups, person))
        for key, choice in option.choices.items()
    )
    default = next((offer.name for offer in offers if not offer.refused), "")
    return OptionOffer(name, title_of(name, option), offers, default)


def _cluster(name: str, profile: Profile) -> ClusterOffer:
    refused = f"runs on {', '.join(profile.clusters)} only" if profile.clusters and name not in profile.clusters else ""
    return ClusterOffer(name, refused)


def _guest_reason(hub: Hub, profile: str, person: Person) -> str:
    if not person.guest:
        return ""
    anonymous = hub.features.builds.anonymous if hub.features.builds else None
    if anonymous is None:
        return "this hub is for people who sign in"
    return "" if guests_profile(hub.profiles, anonymous) == profile else "only for people who sign in"


def _group_reason(groups: Iterable[str], person: Person) -> str:
    groups = sorted(groups)
    if not groups or person.admin or person.groups.intersection(groups):
        return ""
    return f"only for {'the group' if len(groups) == 1 else 'the groups'} {', '.join(groups)}"
