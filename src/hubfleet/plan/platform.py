"""The contract of a platform: how apply acts on one machine, one Kubernetes cluster or one provider."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime

from hubfleet.model.base import StrictModel
from hubfleet.plan.actions import Action, Observed, Resource


class Revision(StrictModel):
    """One state of one resource that was applied."""

    number: int
    resource: Resource
    at: datetime
    proven: bool | None = None
    """Whether it was proven after it was applied; None: it needs no proof, or none was made."""
    by: str = ""
    """Who applied it."""


class Platform(ABC):
    """Acts on one cluster; one instance a command, used by one thread at a time."""

    @abstractmethod
    def observe(self) -> Observed:
        """Return what was applied last and how it is; changes nothing, and is called often.

        Raises:
            PlatformError: it cannot be found out.
        """

    @abstractmethod
    def desired(self) -> Sequence[Resource]:
        """Return all that shall be, for the fleet that this platform was made with; changes nothing."""

    @abstractmethod
    def carry_out(self, action: Action) -> bool:
        """Do one thing and wait until it has taken effect; return whether anything had to be done that needs a proof.

        Raises:
            PlatformError: it did not take effect; what was before is still recorded as applied.
        """

    @abstractmethod
    def prove(self, hub: Resource) -> None:
        """Run a real notebook on a real server of a hub.

        Raises:
            ProofError: the hub does not do what it should, with what was seen.
        """

    @abstractmethod
    def revisions(self, resource: str) -> Sequence[Revision]:
        """Return what was applied for a resource (by id), newest first."""

    @abstractmethod
    def mark(self, resource: str, *, proven: bool) -> None:
        """Note of the newest revision whether its proof held."""

    @abstractmethod
    def restore(self, revision: Revision) -> None:
        """Bring a resource back to an earlier revision, as a new one.

        Raises:
            PlatformError: it did not take effect.
        """
