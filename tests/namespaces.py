"""Network namespaces of a test's own: a small internet, where a test may have any address; needs root."""

import ctypes
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from hubfleet._kit import process

T = TypeVar("T")
NEW_NETWORK = 0x40000000


def enter(name: str) -> None:
    """Move the calling thread into a named namespace, for good."""
    handle = os.open(f"/run/netns/{name}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(handle, NEW_NETWORK):
            raise OSError(ctypes.get_errno(), f"setns {name}")
    finally:
        os.close(handle)


def within(name: str, work: Callable[[], T]) -> T:
    """Do work in a namespace; sockets that it opens stay there."""
    done: list[T] = []

    def run() -> None:
        enter(name)
        done.append(work())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return done[0]


@contextmanager
def machine_with_internet(addresses: Sequence[str]) -> Iterator[str]:
    """Give a namespace like a machine's, with a way out to these addresses, each of which answers at port 80."""
    mark = os.urandom(3).hex()
    here, outside = f"hft{mark}-here", f"hft{mark}-out"
    with ExitStack() as ending:
        for name in (here, outside):
            process.run(["ip", "netns", "add", name])
            ending.callback(process.run, ["ip", "netns", "delete", name])
        process.run(["ip", "-n", here, "link", "add", "up0", "type", "veth", "peer", "eth0", "netns", outside])
        for name, link, address in ((here, "up0", "192.0.2.2/30"), (outside, "eth0", "192.0.2.1/30")):
            process.run(["ip", "-n", name, "link", "set", "lo", "up"])
            process.run(["ip", "-n", name, "addr", "add", address, "dev", link])
            process.run(["ip", "-n", name, "link", "set", link, "up"])
        process.run(["ip", "-n", here, "route", "add", "default", "via", "192.0.2.1"])
        for address in addresses:
            process.run(["ip", "-n", outside, "addr", "add", f"{address}/32", "dev", "lo"])
        listener = within(outside, lambda: socket.create_server(("0.0.0.0", 80)))
        ending.callback(listener.close)
        yield here
