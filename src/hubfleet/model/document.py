"""What a hub's process learns from its portal, in one document: which environments its people and profiles have."""

from datetime import datetime

from hubfleet.model.base import Message
from hubfleet.model.sharing import NOBODY


class NamedEnvironment(Message):
    """One environment as its owner named it."""

    digest: str
    name: str
    owner: str
    shared_with: str = NOBODY
    """Who else may see it: a word of `model.sharing`."""
    created: datetime | None = None


class ProfileEnvironment(Message):
    """The environment that a profile was given, in place of what the hub's file says."""

    profile: str
    digest: str
    name: str = ""


class HubDocument(Message):
    """All that the portal tells its hub."""

    environments: tuple[NamedEnvironment, ...] = ()
    """Newest first; one digest comes once for each person who has it."""
    profiles: tuple[ProfileEnvironment, ...] = ()
    """Those that were given one; all others have what the hub's file says."""
