"""What is asked of the solvers: all that a lock follows from, and a digest of it. Pure but for what this machine is."""

import hashlib
import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from hubfleet.agent.environments import locks
from hubfleet.agent.environments.realise import BUILDER_VERSION, architecture
from hubfleet.agent.environments.specification import KERNEL, FromPypi, Specification, Wanted
from hubfleet.agent.environments.wheels import Wheel
from hubfleet.errors import BuildError
from hubfleet.protocol.builds import ANY_DATE, AS_OF_COMMIT

KERNEL_UNTIL = "2026-11-01T00:00:00Z"
"""The date up to which versions of the kernel's own packages count: today's JupyterLab talks to them."""


@dataclass(frozen=True)
class BuiltOwn:
    """A package of the repository itself, built."""

    own: locks.Own
    extras: tuple[str, ...]
    wheel: Wheel


@dataclass(frozen=True)
class Question:
    """All that a lock follows from."""

    specification: Specification
    until: datetime | None
    """Only packages that were there then; None: the newest ones of today."""
    python: str
    """Exact version."""
    indexes: Sequence[str]
    today: date
    """Part of the question only where the newest packages are asked for."""
    wanted: Wanted | None = None
    """What is asked of conda channels; None: nothing."""
    channels: Sequence[tuple[str, str]] = ()
    """Names and places of the channels that are asked."""
    stands_in: FromPypi | None = None
    """What is asked of PyPI for an environment.yml, where conda channels are not asked."""
    kernel: bool = True
    """Whether notebooks run in it."""
    tools: str = ""
    """Lock of what builds the repository's own packages."""
    own: Sequence[BuiltOwn] = ()
    """These packages, built."""

    @property
    def notes(self) -> Sequence[str]:
        """What is done otherwise than written, for whoever asked."""
        way = self.wanted or self.stands_in
        return (*self.specification.notes, *(way.notes if way else ()))

    @property
    def key(self) -> str:
        """A digest: the same question has the same answer."""
        told = {
            "files": [[file.path, file.text] for file in self.specification.files],
            "until": self.until.isoformat() if self.until else f"newest of {self.today}",
            "python": self.python,
            "architecture": architecture(),
            "indexes": list(self.indexes),
            "kernel": [*KERNEL, KERNEL_UNTIL],
            "builder": BUILDER_VERSION,
        }
        if self.wanted:
            told |= {"specs": list(self.wanted.specs), "channels": list(self.channels), "libc": platform.libc_ver()}
        if self.stands_in:
            told |= {"stands in": list(self.stands_in.requirements)}
        if self.specification.requirements or self.specification.locked:
            # another version of hubfleet may read the same files otherwise
            told |= {"requirements": list(self.specification.requirements)}
            told |= {"locked": [item.line for item in self.specification.locked]}
        if not self.kernel:
            told |= {"kernel": []}
        if self.own:
            told |= {"own": [[item.own.line, *item.extras] for item in self.own], "tools": self.tools}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def cut_off(packages_until: str, changed: datetime | None) -> datetime | None:
    """Return the moment up to which packages count; None: no limit.

    Raises:
        BuildError: it is no date.
    """
    if packages_until == ANY_DATE:
        return None
    if packages_until == AS_OF_COMMIT:
        return changed
    try:
        day = date.fromisoformat(packages_until)
    except ValueError:
        raise BuildError(
            f"{packages_until[:40]!r} is no date", hint=f"such as 2026-11-21, `{AS_OF_COMMIT}` or `{ANY_DATE}`"
        ) from None
    # the whole of that day counts
    return datetime.combine(day, time(), UTC) + timedelta(days=1)
