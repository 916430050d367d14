"""Says whether this machine can give servers networks of their own."""

import shutil
from pathlib import Path

CAP_NET_ADMIN = 12
"""capabilities(7)."""


def possible() -> bool:
    """Say whether we may make network interfaces and have the packet filter's command."""
    return _may_administer() and shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin:/usr/local/sbin") is not None


def _may_administer() -> bool:
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            return bool(int(value, 16) >> CAP_NET_ADMIN & 1)
    return False
