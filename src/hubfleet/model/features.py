"""Switchable abilities of a hub; each has its settings here, so that `check` knows them without the portal."""

from hubfleet.model.base import StrictModel


class Features(StrictModel):
    """Which features a hub has; none can be switched on yet."""
