"""Where people's work lies."""

from typing import Annotated

from pydantic import Field

from hubfleet.model.base import StrictModel
from hubfleet.model.text import GroupName


class Home(StrictModel):
    """A person's lasting directory."""

    quota_gib: Annotated[float, Field(ge=0, le=1_000_000)] = 10.0
    """What it may hold in GiB, where the median of real hubs is 10; 0: no limit."""


class SharedFolder(StrictModel):
    """A folder of the hub that people see below `shared/` in their homes; admins may always write."""

    groups: tuple[GroupName, ...] = ()
    """Whose members see it; empty: everybody."""
    writers: tuple[GroupName, ...] = ()
    """Whose members may also write."""
