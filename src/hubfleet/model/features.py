"""Switchable abilities of a hub; each has its settings here, so that `check` knows them without the portal."""

from hubfleet.model.base import StrictModel


class Features(StrictModel):
    """Which features a hub has."""

    builds: bool = False
    """Whether servers may start with environments made from repositories; off: with the hub's own software only."""
