"""Which limits servers get on this machine."""

import os
import shutil
from pathlib import Path

from hubfleet.agent.launchers.cgroup import Cgroups
from hubfleet.agent.launchers.groups import Groups
from hubfleet.agent.launchers.scopes import Scopes

_BOOTED = Path("/run/systemd/system")
"""There where systemd is the machine's init (sd_booted(3))."""


def choose(label: str) -> Groups:
    """Return scopes where systemd owns the control groups and takes orders from us, else groups that we make."""
    if _BOOTED.is_dir() and os.geteuid() == 0 and shutil.which("systemd-run"):
        return Scopes.detect(label)
    return Cgroups.detect(label)
