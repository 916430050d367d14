"""Programs that run as users of their own must reach their software, even where root keeps it below a closed folder.

A fresh clone in root's home lies below a folder of mode 0700. There the program gets a view of the file system in which
just the needed folders show at their own paths (`view`), and the rest of that home does not.
"""

import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from hubfleet.errors import PlatformError
from hubfleet.platforms.machine import view


def reachable(
    command: Sequence[str],
    owner: tuple[int, int],
    groups: Sequence[int],
    *,
    low_ports: bool,
    software: Sequence[Path],
    data: Path,
) -> tuple[str, ...]:
    """Return the command of a user's program: with a view of the files where its software or data would be hidden."""
    closed = sorted({folder for path in (*software, data) if (folder := first_closed(path)) is not None})
    own_view = view.command(closed, software, data) if closed else ()
    return (*own_view, *as_user(owner, groups, low_ports=low_ports), *command)


def first_closed(path: Path) -> Path | None:
    """Return the outermost folder on the way to a path that others cannot enter, or None."""
    for folder in (*reversed(path.parents), path):
        if folder.exists() and not folder.stat().st_mode & stat.S_IXOTH:
            return folder
    return None


def as_user(owner: tuple[int, int], groups: Sequence[int], *, low_ports: bool) -> tuple[str, ...]:
    """Return the command that goes on as a user without any right of root but, where wished, for low ports."""
    found = shutil.which("setpriv")
    if found is None:
        raise PlatformError("setpriv is missing", hint="install it: apt-get install util-linux")
    uid, gid = owner
    further = f"--groups={','.join(str(group) for group in groups)}" if groups else "--clear-groups"
    kept = "-all,+net_bind_service" if low_ports else "-all"
    ambient = (f"--ambient-caps={kept}",) if low_ports else ()
    rights = ("--no-new-privs", f"--bounding-set={kept}", f"--inh-caps={kept}", *ambient)
    return (found, f"--reuid={uid}", f"--regid={gid}", further, *rights, "--")
