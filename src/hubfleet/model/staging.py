"""The twin of a hub on which changes are proven first."""

from typing import Annotated, TypeAlias

from pydantic import BeforeValidator

from hubfleet.model.base import StrictModel
from hubfleet.model.sign_in import SignIn
from hubfleet.model.text import HostName


class Staging(StrictModel):
    """How the twin differs: `true` for not at all, but for address, homes and database."""

    sign_in: SignIn | None = None
    """Its own sign-in; needed for OAuth, where each address has a client of its own."""
    domain: HostName | None = None
    """Its own address; default `<hub>-staging.<domain of the fleet>`."""


def _switch(value: object) -> object:
    return {} if value is True else None if value is False else value


StagingSwitch: TypeAlias = Annotated[
    Staging | None, BeforeValidator(_switch, json_schema_input_type=bool | Staging | None)
]
