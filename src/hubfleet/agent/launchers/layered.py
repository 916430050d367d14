"""What a sandbox sees where Debian packages lie over the machine's own system: its folders, with a layer's over them.

A layer is a folder with `usr`, and below `etc` and `var` whole folders and files that take the place of the system's.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from hubfleet.agent.launchers.sandbox import Bind, Overlay

USR = PurePosixPath("/usr")
PARTS = ("etc", "var/lib", "var/cache")
"""Where a layer's further parts are, each entry of which is seen as a whole."""


def over(system: Iterable[Bind], layer: Path, mounts: str | None = None) -> tuple[list[Bind], list[Overlay]]:
    """Return what is seen of the system with a layer over it; blocks.

    Args:
        system: what is seen without it.
        layer: a complete one.
        mounts: as in /proc/self/mountinfo; None: those of this process.
    """
    parts = [path for part in PARTS for path in _entries(layer / part)]
    own = [Bind(path, PurePosixPath("/", path.relative_to(layer))) for path in parts]
    hidden = [USR, *(bind.target for bind in own)]
    binds = [bind for bind in system if not any(bind.target.is_relative_to(path) for path in hidden)]
    # an overlay has no part in what is mounted on its lower folders
    binds += [Bind(path, PurePosixPath(path), optional=True) for path in _mounted_below(USR, mounts)]
    return [*binds, *own], [Overlay(USR, (Path(USR), layer / "usr"))]


def _entries(folder: Path) -> Sequence[Path]:
    return sorted(path for path in folder.iterdir() if not path.is_symlink()) if folder.is_dir() else []


def _mounted_below(folder: PurePosixPath, mounts: str | None) -> list[Path]:
    """Return mount points below a folder; https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html."""
    lines = (Path("/proc/self/mountinfo").read_text() if mounts is None else mounts).splitlines()
    points = {line.split(" ")[4].encode().decode("unicode_escape") for line in lines if line.count(" ") > 4}
    return sorted(Path(point) for point in points if point.startswith(f"{folder}/"))
