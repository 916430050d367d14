"""Ports on loopback for a machine's programs: chosen once, kept, so that running servers find their hub again."""

import json
import socket
import zlib
from collections.abc import Sequence
from pathlib import Path

from hubfleet._kit.files import write_if_changed
from hubfleet.errors import PlatformError, StateError

FIRST, LAST = 20_000, 29_999
"""Below the kernel's own range for outgoing connections (32768 and up)."""


def ports(path: Path, names: Sequence[str], *, start: str) -> dict[str, int]:
    """Return a port for each name: the kept ones, and free ones for new names; writes nothing.

    Args:
        path: where they are kept.
        names: what needs one.
        start: decides where to begin, so that two fleets seldom try the same ones.
    """
    try:
        kept = {str(name): int(port) for name, port in json.loads(path.read_text()).items()}
    except FileNotFoundError:
        kept = {}
    except ValueError as error:
        raise StateError(f"{path} is damaged", hint="restore it from a backup, or delete it and apply again") from error
    taken, port = set(kept.values()), FIRST + zlib.crc32(start.encode()) % (LAST - FIRST)
    for name in names:
        if name in kept:
            continue
        tried = 0
        while port in taken or not free("127.0.0.1", port):
            port, tried = (port + 1 if port < LAST else FIRST), tried + 1
            if tried > LAST - FIRST:
                raise PlatformError(f"no port between {FIRST} and {LAST} is free on this machine")
        kept[name] = port
        taken.add(port)
    return kept


def keep(path: Path, chosen: dict[str, int]) -> None:
    """Write ports down."""
    write_if_changed(path, json.dumps(chosen, indent=1), mode=0o600)


def free(address: str, port: int) -> bool:
    """Say whether nobody listens on a port of one of this machine's addresses."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address, port))
        except PermissionError:
            return True
        except OSError:
            return False
    return True
