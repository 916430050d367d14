"""What the kernel lets this process do."""

from pathlib import Path

CAP_NET_ADMIN = 12
"""Making network interfaces and rules (capabilities(7))."""

CAP_SYS_ADMIN = 21
"""Mounts, quotas and much else."""


def holds(capability: int) -> bool:
    """Say whether this process has a capability in effect."""
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            return bool(int(value, 16) >> capability & 1)
    return False
