"""Making homes and shared folders, with their owners; what people put into them is never followed."""

import os
import struct
from pathlib import Path

from hubfleet.errors import LaunchError

_ACL_VERSION = 2
_UNDEFINED = 0xFFFFFFFF


def make_home(path: Path, owner: int | None) -> None:
    """Make a home that only its person may enter.

    Args:
        path: where.
        owner: the person's own user id; None: the agent's.

    Raises:
        LaunchError: it cannot be made.
    """
    _make(path, owner, owner, 0o700)


def make_shared(path: Path, group: int | None) -> None:
    """Make a folder whose group may write; what is made in it belongs to the group and is for the group.

    Args:
        path: where.
        group: the folder's own group id; None: the agent's.

    Raises:
        LaunchError: it cannot be made.
    """
    _make(path, 0 if group is not None else None, group, 0o2770)
    _default_for_group(path)


def _make(path: Path, owner: int | None, group: int | None, mode: int) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
        path.mkdir(exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if owner is not None or group is not None:
                os.fchown(handle, -1 if owner is None else owner, -1 if group is None else group)
            os.fchmod(handle, mode)
        finally:
            os.close(handle)
    except OSError as error:
        raise LaunchError(f"the folder {path.name!r} cannot be made: {error.strerror}") from error


def _default_for_group(path: Path) -> None:
    """Let the group write whatever is made below, whatever the maker's umask (a default ACL, where there are such)."""
    entries = [(0x01, 7), (0x04, 7), (0x20, 0)]
    raw = struct.pack("<I", _ACL_VERSION) + b"".join(
        struct.pack("<HHI", tag, bits, _UNDEFINED) for tag, bits in entries
    )
    try:
        os.setxattr(path, "system.posix_acl_default", raw)
    except OSError:
        # without ACLs the server's umask still gives the group its rights
        return
