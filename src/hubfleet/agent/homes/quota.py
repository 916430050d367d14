"""Quotas that the file system keeps: one project for each home (ext4 and XFS, mounted with `prjquota`).

See quotactl(2), ioctl_xfs_fsgetxattr(2) and xfs_quota(8). What lies in a folder with the flag to inherit belongs to the
folder's project; what the project holds counts against its limit, whoever wrote it.
"""

import ctypes
import errno
import fcntl
import os
import stat
import struct
from pathlib import Path

from hubfleet._kit.rights import CAP_SYS_ADMIN, holds
from hubfleet.errors import LaunchError
from hubfleet.protocol.messages import Ability

_ENFORCED = {"prjquota", "pquota"}
_SYS_QUOTACTL_FD = 443
_SET_PROJECT_QUOTA = 0x800008 << 8 | 2
_BLOCK = 1024
_BLOCK_LIMITS = 1
_DQBLK = "=8Q2I"
"""Hard and soft limit in blocks, bytes used, and the like; then which of them are meant."""
_GET_ATTRIBUTES, _SET_ATTRIBUTES = 0x801C581F, 0x401C5820
_ATTRIBUTES = "=5I8s"
"""Flags, two about extents, the project, another about extents."""
_INHERIT = 0x200
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHANGED_MEANWHILE = {errno.ENOENT, errno.ELOOP, errno.ENXIO}
_LIBC = ctypes.CDLL(None, use_errno=True)


class HomeQuotas:
    """Keeps homes within their limits where the file system can; elsewhere they are only counted (`usage`)."""

    def __init__(self, folder: Path) -> None:
        """Look whether the file system of a folder can, or the one that it would be on."""
        self.kept = holds(CAP_SYS_ADMIN) and bool(_ENFORCED & mount_options(folder)) and _known()

    def ability(self) -> Ability:
        """Say which of both it is."""
        if self.kept:
            return Ability(name="home-quota", state="full", detail="kept by the file system: a project for each home")
        detail = "homes are counted about once an hour, and people are told; the file system keeps no project quotas"
        return Ability(name="home-quota", state="partly", detail=detail)

    def keep(self, home: Path, project: int, limit_gib: float) -> None:
        """Set a home's limit, new or changed; nothing where the file system keeps none.

        Args:
            home: a folder that no link leads to.
            project: a number of its own.
            limit_gib: 0: none.

        Raises:
            LaunchError: it cannot be set.
        """
        if not self.kept:
            return
        try:
            handle = os.open(home, _OPEN)
            try:
                if _project(handle) != project:
                    _give_all(handle, project)
                _set_limit(handle, project, int(limit_gib * 1024**3) // _BLOCK)
            finally:
                os.close(handle)
        except OSError as error:
            raise LaunchError(
                f"the quota of the home {home.name!r} cannot be set: {error.strerror}",
                hint="mend the file system's project quotas, or mount it without `prjquota`: homes are counted then",
            ) from error


def mount_options(folder: Path, mounts: str | None = None) -> frozenset[str]:
    """Return the options of the file system that a folder is on or would be, from the text of /proc/self/mountinfo."""
    device = next(path for path in (folder, *folder.parents) if path.exists()).stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    text = Path("/proc/self/mountinfo").read_text() if mounts is None else mounts
    rows = [line.split() for line in text.splitlines()]
    return frozenset(option for row in rows if row[2] == wanted for option in row[-1].split(","))


def _known() -> bool:
    """Say whether the kernel has the call (Linux 5.14); it refuses the descriptor then."""
    _LIBC.syscall(_SYS_QUOTACTL_FD, -1, _SET_PROJECT_QUOTA, 0, None)
    return ctypes.get_errno() != errno.ENOSYS


def _give_all(handle: int, project: int, levels: int = 100) -> None:
    """Give a folder and what is in it to a project: itself last, so that what was left half done is done again.

    Below so many levels nothing is looked for; whoever hides files there before there are quotas has that advantage.
    """
    for name in os.listdir(handle) if levels else []:
        try:
            # never a pipe or device, which people may put there
            kind = os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode
            if not (stat.S_ISDIR(kind) or stat.S_ISREG(kind)):
                continue
            child = os.open(name, _OPEN, dir_fd=handle)
        except OSError as error:
            if error.errno in _CHANGED_MEANWHILE:
                continue
            raise
        try:
            if stat.S_ISDIR(os.fstat(child).st_mode):
                _give_all(child, project, levels - 1)
            else:
                _give(child, project, 0)
        finally:
            os.close(child)
    _give(handle, project, _INHERIT)


def _attributes(handle: int) -> tuple[int, int, int, int, int, bytes]:
    raw = fcntl.ioctl(handle, _GET_ATTRIBUTES, bytes(struct.calcsize(_ATTRIBUTES)))
    flags, extent, extents, project, cow, rest = struct.unpack(_ATTRIBUTES, raw)
    return flags, extent, extents, project, cow, rest


def _project(handle: int) -> int:
    return _attributes(handle)[3]


def _give(handle: int, project: int, flag: int) -> None:
    flags, extent, extents, _, cow, rest = _attributes(handle)
    fcntl.ioctl(handle, _SET_ATTRIBUTES, struct.pack(_ATTRIBUTES, flags | flag, extent, extents, project, cow, rest))


def _set_limit(handle: int, project: int, blocks: int) -> None:
    wanted = ctypes.create_string_buffer(struct.pack(_DQBLK, blocks, 0, 0, 0, 0, 0, 0, 0, _BLOCK_LIMITS, 0))
    if _LIBC.syscall(_SYS_QUOTACTL_FD, handle, _SET_PROJECT_QUOTA, project, wanted):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
