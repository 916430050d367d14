"""Which of the two keeps a data folder's programs up: systemd where it was chosen once, else our supervisor."""

from hubfleet.platforms.machine import systemd
from hubfleet.platforms.machine.control import Control
from hubfleet.platforms.machine.places import Places
from hubfleet.platforms.machine.systemd import Systemd
from hubfleet.platforms.machine.upkeep import Upkeep


def upkeep_of(places: Places, fleet: str, *, lasting: bool) -> Upkeep:
    """Return what keeps up, or would keep up, the programs of a data folder.

    Args:
        places: of the data folder.
        fleet: its name.
        lasting: whether what is begun now shall outlast a reboot, where nothing keeps them up yet.
    """
    supervisor = Control(places)
    if not systemd.possible() or supervisor.runs():
        return supervisor
    units = Systemd(places, fleet)
    return units if lasting or units.installed() else supervisor
