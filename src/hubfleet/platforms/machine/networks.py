"""Networks for servers on this machine: whether they can be had, and which addresses they get."""

import os
import re
import shutil
import zlib
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from hubfleet._kit.files import write_if_changed
from hubfleet._kit.rights import CAP_NET_ADMIN, holds
from hubfleet.errors import PlatformError

CANDIDATES = tuple(IPv4Network(f"10.{second}.0.0/16") for second in range(129, 254))
"""Private ranges that other software seldom takes; each fleet on a machine has one of its own."""


def possible() -> bool:
    """Say whether servers can have networks of their own: what the agent will find as well."""
    nft = shutil.which("nft") or shutil.which("nft", path="/usr/sbin:/sbin")
    return os.geteuid() == 0 and holds(CAP_NET_ADMIN) and nft is not None


def network(path: Path, *, start: str) -> IPv4Network:
    """Return the range for a fleet's servers: the kept one, or one that this machine does not route elsewhere.

    Args:
        path: where it is kept.
        start: decides where to begin, so that two fleets seldom try the same one.
    """
    try:
        return IPv4Network(path.read_text().strip())
    except FileNotFoundError:
        pass
    taken = [*routed(Path("/proc/net/route").read_text()), *local(Path("/proc/net/fib_trie").read_text())]
    first = zlib.crc32(start.encode()) % len(CANDIDATES)
    for candidate in (*CANDIDATES[first:], *CANDIDATES[:first]):
        if not any(candidate.overlaps(other) for other in taken):
            return candidate
    raise PlatformError("this machine routes all of 10.129.0.0-10.253.0.0 elsewhere", hint="set `network: shared`")


def keep(path: Path, chosen: IPv4Network) -> None:
    """Write the range down."""
    write_if_changed(path, f"{chosen}\n")


def routed(table: str) -> list[IPv4Network]:
    """Return the networks of the kernel's routing table (/proc/net/route), without the default route."""
    found = []
    for line in table.splitlines()[1:]:
        fields = line.split()
        address, mask = (IPv4Address(int.from_bytes(bytes.fromhex(fields[at]), "little")) for at in (1, 7))
        if int(mask):
            found.append(IPv4Network(f"{address}/{mask}"))
    return found


def local(trie: str) -> list[IPv4Network]:
    """Return the machine's own addresses (/proc/net/fib_trie), other fleets' among them."""
    return [IPv4Network(address) for address in re.findall(r"\|-- (\S+)\n\s+/32 host LOCAL", trie)]
