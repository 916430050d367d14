"""One JupyterHub with its own users, address and database."""

from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, Field, JsonValue

from hubfleet.model.access import Allow, GroupOrMembers, Role
from hubfleet.model.base import StrictModel
from hubfleet.model.branding import Branding
from hubfleet.model.culling import Culling
from hubfleet.model.features import Features
from hubfleet.model.home import Home, SharedFolder
from hubfleet.model.profile import Profile
from hubfleet.model.sign_in import SignIn
from hubfleet.model.staging import StagingSwitch
from hubfleet.model.text import FleetPath, GroupName, HostName, Label, PersonName, Title


def _lists(value: object) -> object:
    """Turn tuples, which files give, into the lists of JSON."""
    if isinstance(value, tuple | list):
        return [_lists(item) for item in value]
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    return value


Traits: TypeAlias = dict[str, dict[str, Annotated[JsonValue, BeforeValidator(_lists)]]]


class HubFile(StrictModel):
    """What hubs/<name>.yaml, a preset, or the fleet's `defaults` may say; none of it is needed in all of them."""

    preset: str = ""
    """A named set of defaults: education, research, event, or one of presets/."""
    title: Title | None = None
    """As people see it; default: the hub's name."""
    cluster: Label | None = None
    """Where the hub runs; default: the fleet's only cluster."""
    servers_on: tuple[Label, ...] = ()
    """Where its servers may run; default: on the hub's own cluster."""
    domain: HostName | None = None
    """The hub's full address; default: `<hub>.<domain of the fleet>`."""
    user_subdomains: bool | None = None
    """Whether each person's server has an address of its own, so that one person's page cannot act on another's; needs
    a wildcard certificate. Default: on below .localhost, else off."""
    sign_in: SignIn | None = None
    """How people prove who they are."""
    allow: Allow = Allow()
    """Who may use the hub."""
    admins: tuple[PersonName, ...] = ()
    """Who may see and change everything of this hub."""
    groups: dict[GroupName, GroupOrMembers] = {}
    """Groups by name: a list of members, or `{from: sign_in}`."""
    roles: dict[Label, Role] = {}
    """Further rights for some people."""
    profiles: dict[Label, Profile] = {"standard": Profile(title="Standard")}
    """Sizes and kinds of servers, in order."""
    home: Home = Home()
    """People's lasting directories."""
    shared_folders: dict[Label, SharedFolder] = {}
    """Folders that several people see, by name."""
    culling: Culling = Culling()
    """When idle servers are stopped."""
    named_servers: Annotated[int, Field(ge=0, le=100)] = 0
    """How many servers a person may run at once beside the default one."""
    branding: Branding = Branding()
    """How the hub looks."""
    announcement: str = ""
    """A line of plain text on top of each page."""
    features: Features = Features()
    """Switchable abilities."""
    staging: StagingSwitch = None
    """Whether there is a twin on which changes are proven first."""
    jupyterhub: Traits = {}
    """JupyterHub's own settings by class and trait, for what hubfleet has no word for; checked against JupyterHub's."""
    python_file: FleetPath | None = None
    """A JupyterHub configuration file that runs last, for what no setting can say."""


class Hub(HubFile):
    """A hub with all that files, presets and defaults say about it, and what follows from that."""

    name: str
    """Unique in the fleet."""
    title: Title
    cluster: Label
    servers_on: Annotated[tuple[Label, ...], Field(min_length=1)]
    sign_in: SignIn
    user_subdomains: bool
    host: str
    """Host name of its address."""
    url: str
    """Its address as browsers see it: scheme, host, port where it is not the scheme's own; no slash at the end."""
    twin_of: str = ""
    """The production hub of which it is the staging twin."""
