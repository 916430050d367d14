"""What must hold for a fleet as a whole, each rule a function from the scene to findings."""

from hubfleet.config.checks import addresses, files, guests, names, people, sizes
from hubfleet.config.scene import Check

CHECKS: tuple[Check, ...] = (
    *names.CHECKS,
    *people.CHECKS,
    *sizes.CHECKS,
    *addresses.CHECKS,
    *files.CHECKS,
    *guests.CHECKS,
)
"""All rules, in no order that matters."""
