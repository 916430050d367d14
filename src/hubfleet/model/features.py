"""Switchable abilities of a hub; each has its settings here, so that `check` knows them without the portal."""

from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator

from hubfleet.model.base import StrictModel

CondaFrom: TypeAlias = Literal["channels-or-pypi", "channels", "pypi"]
"""Where the conda packages of an environment.yml are from."""


class Builds(StrictModel):
    """How environments are made from repositories: `true` for the defaults."""

    conda: CondaFrom = "channels-or-pypi"
    """Where the packages of an `environment.yml` are from. `channels`: the cluster's conda channels, and a build fails
    while they cannot be reached. `pypi`: PyPI, by the names that it has for them; what it has nothing for is refused
    with its line. `channels-or-pypi`: PyPI only while the channels cannot be reached, and the build says so."""


def _switch(value: object) -> object:
    return {} if value is True else None if value is False else value


BuildsSwitch: TypeAlias = Annotated[
    Builds | None, BeforeValidator(_switch, json_schema_input_type=bool | Builds | None)
]


class Features(StrictModel):
    """Which features a hub has."""

    builds: BuildsSwitch = None
    """Whether servers may start with environments made from repositories; `false`: with the hub's own software only."""
