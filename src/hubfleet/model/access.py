"""Who may use a hub, in which groups, with which further rights."""

from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, ConfigDict, Field

from hubfleet.model.base import StrictModel
from hubfleet.model.text import GroupName, PersonName, wrong

PROMOTE = "custom:hubfleet:promote"
"""The scope to give a hub's profiles other environments; admins may without it."""


class Allow(StrictModel):
    """Who may use the hub, beside those whom the sign-in itself lets in (an organisation, a domain, an approval)."""

    everyone: bool = False
    """Everybody who can sign in; with a shared password, everybody who knows it."""
    people: tuple[PersonName, ...] = ()
    """Persons by name."""
    groups: tuple[GroupName, ...] = ()
    """Members of these groups."""


class Group(StrictModel):
    """People who share rights, profiles or folders: a list of names, or `{from: sign_in}`."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    members: tuple[PersonName, ...] = ()
    """Names of its people; a plain list in place of the map means the same."""
    source: Literal["members", "sign_in"] = Field(default="members", alias="from")
    """`sign_in`: the sign-in says at each refresh who belongs to it, in place of `members`."""


def _list_of_members(value: object) -> object:
    if isinstance(value, tuple | list):
        return {"members": value}
    if isinstance(value, str | int | float):
        raise wrong("must be a list of names, or {from: sign_in}", "such as [ana, sam]")
    return value


GroupOrMembers: TypeAlias = Annotated[
    Group, BeforeValidator(_list_of_members, json_schema_input_type=Group | list[PersonName])
]


class Role(StrictModel):
    """Rights in JupyterHub's own words, for some people beside the admins."""

    description: str = ""
    """What the role is for, as admins see it."""
    scopes: tuple[str, ...]
    """JupyterHub's scopes, such as `list:users` or `admin:servers!group=class`."""
    people: tuple[PersonName, ...] = ()
    """Who has it."""
    groups: tuple[GroupName, ...] = ()
    """Whose members have it."""
