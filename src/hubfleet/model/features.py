"""Switchable abilities of a hub; each has its settings here, so that `check` knows them without the portal."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from hubfleet.model.base import StrictModel
from hubfleet.model.guests import PLACES_MAX
from hubfleet.model.profile import Profile
from hubfleet.model.repositories import RepositoryPattern
from hubfleet.model.text import Label, wrong

CondaFrom: TypeAlias = Literal["channels-or-pypi", "channels", "pypi"]
"""Where the conda packages of an environment.yml are from."""


def _origin(text: str) -> str:
    if text != "*" and not re.fullmatch(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?", text):
        raise wrong(f"{text[:60]!r} is no origin of pages", "such as https://docs.example.org: lower case, no path")
    return text


Origin: TypeAlias = Annotated[str, AfterValidator(_origin)]
"""Where pages are from, as browsers say it: scheme, host, and a port that is not the scheme's own; `*`: anywhere."""


def _switch(value: object) -> object:
    return {} if value is True else None if value is False else value


class Anonymous(StrictModel):
    """Temporary servers for people who do not sign in, as mybinder.org has them: `true` for the defaults."""

    servers: Annotated[int, Field(ge=1, le=PLACES_MAX)] = 20
    """How many there are at once, those that are being made among them."""
    per_address: Annotated[int, Field(ge=1, le=PLACES_MAX)] = 2
    """How many of them one address of the network may have; a classroom often has just one. IPv6: 64 bits of it."""
    starts_per_hour: Annotated[int, Field(ge=1, le=10_000)] = 10
    """How often one address may ask within an hour; BinderHub's default."""
    idle_minutes: Annotated[int, Field(ge=10, le=10_000)] = 10
    """Minutes without activity after which one ends; at least 10, since servers report activity every 5."""
    hours: Annotated[float, Field(gt=0, le=168)] = 6.0
    """Hours after which one ends even in use; mybinder.org's limit."""
    profile: Label | None = None
    """Size of the servers; default: the first profile that is for everybody."""
    repositories: tuple[RepositoryPattern, ...] = ()
    """Only these repositories, such as `https://github.com/ORGANIZATION/*`; empty: each that the hub takes."""
    origins: tuple[Origin, ...] = ()
    """Where pages are from that may run code in temporary servers (thebe), such as `https://docs.example.org`; `*`:
    anywhere, as mybinder.org has it; empty: nowhere but on the hub itself."""


AnonymousSwitch: TypeAlias = Annotated[
    Anonymous | None, BeforeValidator(_switch, json_schema_input_type=bool | Anonymous | None)
]


class Builds(StrictModel):
    """How environments are made from repositories: `true` for the defaults."""

    conda: CondaFrom = "channels-or-pypi"
    """Where the packages of an `environment.yml` are from. `channels`: the cluster's conda channels, and a build fails
    while they cannot be reached. `pypi`: PyPI, by the names that it has for them; what it has nothing for is refused
    with its line. `channels-or-pypi`: PyPI only while the channels cannot be reached, and the build says so."""
    repositories: tuple[RepositoryPattern, ...] = ()
    """Only these repositories are built and launched, by anybody, such as `https://github.com/ORGANIZATION/*`; empty:
    each that the cluster reaches."""
    blocked_repositories: tuple[RepositoryPattern, ...] = ()
    """Repositories that nobody builds or launches; BinderHub's `banned_specs`. Capitals make no difference."""
    per_repository: Annotated[int, Field(ge=0, le=100_000)] = 0
    """How many servers may run with the files of one repository at once, people's and temporary ones; BinderHub's
    `per_repo_quota`. 0: any number."""
    anonymous: AnonymousSwitch = None
    """Whether people who do not sign in get temporary servers, and within which limits; `false`: they get none."""


BuildsSwitch: TypeAlias = Annotated[
    Builds | None, BeforeValidator(_switch, json_schema_input_type=bool | Builds | None)
]


class Features(StrictModel):
    """Which features a hub has."""

    builds: BuildsSwitch = None
    """Whether servers may start with environments made from repositories; `false`: with the hub's own software only."""


def guests_profile(profiles: Mapping[str, Profile], wanted: Anonymous) -> str:
    """Return the profile of temporary servers; empty: there is none that is for everybody."""
    names = [name for name, profile in profiles.items() if not profile.groups]
    return next((name for name in names if wanted.profile in {None, name}), "")
