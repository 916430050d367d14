"""Network interfaces, routes and rules of the host, by netlink and the `nft` command. Synchronous; needs root."""

import ctypes
import errno
import os
import shutil
import socket
import threading
from collections.abc import Callable
from typing import Any

from pyroute2.netlink.exceptions import NetlinkError

from hubfleet._kit import process
from hubfleet.errors import LaunchError

_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)
"""`os.setns` came with Python 3.12."""


def find_nft() -> str | None:
    """Return the path of nftables' command, also where PATH lacks the system's own folders."""
    return shutil.which("nft") or shutil.which("nft", path="/usr/sbin:/sbin")


def apply_rules(text: str) -> None:
    """Let nftables carry out a text, as one transaction.

    Raises:
        LaunchError: it is missing, or refuses.
    """
    command = find_nft()
    if command is None:
        raise LaunchError("nftables is missing", hint="apt-get install nftables")
    done = process.run([command, "-f", "-"], stdin=text, check=False)
    if done.status:
        raise LaunchError(f"the rules between servers cannot be set: {done.stderr.partition(chr(10))[0]}")


def add_plain(ip: Any, name: str) -> None:
    """Make an interface that only holds an address; where a kernel has no dummy ones, an empty bridge."""
    try:
        ip.link("add", ifname=name, kind="dummy")
    except NetlinkError as error:
        if error.code != errno.EOPNOTSUPP:
            raise
        ip.link("add", ifname=name, kind="bridge")


def inside(pid: int, work: Callable[[], None]) -> None:
    """Run work in a process's network namespace, in a thread of its own that ends after it.

    Not pyroute2's NetNS: that forks, and ends its child by SIGTERM, which the child passes on to us through the
    descriptor by which asyncio hears of signals.
    """
    errors: list[BaseException] = []

    def enter() -> None:
        try:
            handle = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            try:
                if _LIBC.setns(handle, _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "the server's network namespace cannot be entered")
            finally:
                os.close(handle)
            work()
        except (OSError, NetlinkError) as error:
            errors.append(error)

    thread = threading.Thread(target=enter, name="network namespace")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


def uplinks(ip: Any) -> list[str]:
    """Return the names of the interfaces with a default route."""
    found = set()
    for route in ip.get_default_routes(family=socket.AF_INET):
        number = attribute(route, "RTA_OIF")
        if number is not None:
            found.add(str(attribute(ip.get_links(number)[0], "IFLA_IFNAME")))
    return sorted(found)


def index(ip: Any, name: str) -> int | None:
    """Return the number of an interface, or None if there is none of that name."""
    found = ip.link_lookup(ifname=name)
    return int(found[0]) if found else None


def attribute(message: Any, name: str) -> Any:
    """Return one attribute of a netlink message, or None."""
    return message.get_attr(name)
