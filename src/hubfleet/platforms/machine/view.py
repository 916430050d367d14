"""Becomes a program that sees just what it needs below closed folders: `python -m … VIEW COMMAND…`, as root.

The view is made of mounts in a namespace of its own. Nothing stays between supervisor and program, as bubblewrap's
monitor would: whoever signals the process signals the program itself.
"""

import ctypes
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

_NEW_MOUNTS = 0x20000
_READ_ONLY, _NO_SUID, _REMOUNT, _BIND, _RECURSIVE, _SLAVE = 1, 2, 32, 4096, 16384, 1 << 19
_LIBC = ctypes.CDLL(None, use_errno=True)


def command(closed: Sequence[Path], software: Sequence[Path], data: Path) -> tuple[str, ...]:
    """Return the command that another follows: folders to hide, and what stays of them, the data writable."""
    told = {"closed": list(map(str, closed)), "read": list(map(str, software)), "write": [str(data)]}
    return (sys.executable, "-P", "-m", __name__, json.dumps(told))


def main() -> None:
    """Make the view and become the program."""
    told = json.loads(sys.argv[1])
    folder = Path.cwd()
    closed = [Path(item) for item in told["closed"]]
    needed = {Path(item): name for name in ("read", "write") for item in told[name]}
    _check(_LIBC.unshare(_NEW_MOUNTS), "unshare")
    _mount("", Path("/"), _SLAVE | _RECURSIVE)
    hidden = {path: os.open(path, os.O_PATH) for path in needed if any(map(path.is_relative_to, closed))}
    for item in closed:
        _mount("tmpfs", item, _NO_SUID, "tmpfs", "mode=0755")
    mask = os.umask(0o022)
    for path, handle in hidden.items():
        path.mkdir(parents=True, exist_ok=True)
        _mount(f"/proc/self/fd/{handle}", path, _BIND | _RECURSIVE)
        if needed[path] == "read":
            _mount("", path, _REMOUNT | _BIND | _READ_ONLY)
        os.close(handle)
    os.umask(mask)
    os.chdir(folder)
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - no shell is the point


def _mount(source: str, target: Path, flags: int, kind: str = "", options: str = "") -> None:
    words = (source.encode() or None, os.fsencode(target), kind.encode() or None)
    _check(_LIBC.mount(*words, ctypes.c_ulong(flags), options.encode() or None), f"mount {target}")


def _check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


if __name__ == "__main__":
    main()
