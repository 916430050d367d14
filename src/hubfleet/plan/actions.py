"""What a plan consists of: resources, what differs, and what is to be done about it, in the words that people read."""

import hashlib
import json
from collections.abc import Mapping
from typing import Literal

from hubfleet.model.base import StrictModel
from hubfleet.model.program import Program
from hubfleet.model.secret import SecretReference

Do = Literal["create", "change", "delete", "repair"]
Kind = Literal["software", "agent", "routes", "proxy", "certificates", "hub"]
Value = str | int | float | bool | None

MARKS: Mapping[Do, str] = {"create": "+", "change": "~", "delete": "-", "repair": "!"}


class Resource(StrictModel):
    """One thing that apply makes, changes and deletes as a whole."""

    kind: Kind
    name: str
    """Unique within its kind, such as the hub's name."""
    values: dict[str, Value] = {}
    """What it is made from, by dotted key; what a change is shown by."""
    programs: tuple[Program, ...] = ()
    """What runs for it."""
    secrets: tuple[str, ...] = ()
    """Names of generated secrets that it needs, such as `ocean/cookie`; made once, never shown."""
    given: dict[str, SecretReference] = {}
    """Secrets that the fleet gives, by the name of the file on the machine, such as `ocean/client-secret`."""
    staging_for: str = ""
    """For a staging twin: the hub that must wait for its proof."""

    @property
    def id(self) -> str:
        """Kind and name, as people read it."""
        return f"{self.kind} {self.name}".strip()

    def digest(self) -> str:
        """Return what is equal for equal resources."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]


class Change(StrictModel):
    """One value that differs."""

    key: str
    old: Value = None
    new: Value = None
    where: str = ""
    """File and line, or preset, that set the new value."""


class Action(StrictModel):
    """One thing to do."""

    do: Do
    resource: Resource
    """As it shall be; for a deletion, as it was."""
    changes: tuple[Change, ...] = ()
    effects: tuple[str, ...] = ()
    """What people will notice, in plain words."""

    @property
    def title(self) -> str:
        """One line for lists."""
        return f"{MARKS[self.do]} {self.resource.id}"


class Applied(StrictModel):
    """One resource as it was last applied, and how it is."""

    resource: Resource
    revision: int
    healthy: bool = True
    detail: str = ""


class Observed(StrictModel):
    """What is there: resources by id."""

    applied: dict[str, Applied] = {}

    def digest(self) -> str:
        """Return what is equal while nobody applied anything; health does not count."""
        rows = {name: (item.revision, item.resource.digest()) for name, item in sorted(self.applied.items())}
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


class Plan(StrictModel):
    """What would change."""

    fleet: str
    made_for: str
    """Digest of what was observed; the plan is refused once that has changed."""
    actions: tuple[Action, ...]
    unchanged: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.actions
