"""Which environments a person is offered for a server. Pure.

What is not offered may be asked for all the same, by its digest: that names public content, and whoever knows it has
been told it.
"""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from hubfleet.model.document import HubDocument, NamedEnvironment
from hubfleet.model.hub import Hub
from hubfleet.model.overrides import Overrides
from hubfleet.model.sharing import EVERYBODY, reaches
from hubfleet.policy.choices import Person


class Whose(Enum):
    """Why somebody is offered an environment, nearest first."""

    OWN = "own"
    GROUP = "group"
    EVERYBODY = "everybody"


@dataclass(frozen=True)
class EnvironmentOffer:
    """One environment that a person may choose by its name."""

    digest: str
    name: str
    owner: str
    whose: Whose
    made: datetime | None = None
    """Where another that is offered has the same name, when this one was made."""


def overrides(document: HubDocument) -> Overrides:
    """Return what the portal tells that changes what people get."""
    return Overrides(environments={item.profile: item.digest for item in document.profiles})


def environments(hub: Hub, document: HubDocument, person: Person) -> tuple[EnvironmentOffer, ...]:
    """Return what a person is offered: their own, those of their groups, those of everybody; each digest once."""
    if not hub.features.builds:
        return ()
    offers: dict[str, EnvironmentOffer] = {}
    for whose in Whose:
        for item in document.environments:
            if _why(item, person) is whose:
                offer = EnvironmentOffer(item.digest, item.name, item.owner, whose, item.created)
                offers.setdefault(item.digest, offer)
    often = Counter((offer.name, offer.owner) for offer in offers.values())
    return tuple(
        offer if often[offer.name, offer.owner] > 1 else replace(offer, made=None) for offer in offers.values()
    )


def _why(item: NamedEnvironment, person: Person) -> Whose | None:
    if item.owner == person.name:
        return Whose.OWN
    if not reaches(item.shared_with, person.groups):
        return None
    return Whose.EVERYBODY if item.shared_with == EVERYBODY else Whose.GROUP
