"""What is in a zip archive that a stranger made: plain files within limits, and no way out of it.

Runs inside the builder's sandbox. Nothing is written: what counts is read straight from the archive.
"""

import resource
import stat
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hubfleet.agent.environments.datasets.web import DataError

_LIST_BYTES = 1 << 30
"""Memory for an archive's list of files."""
_ENCRYPTED = 1


@dataclass(frozen=True)
class Limits:
    """What a data set may hold."""

    max_bytes: int
    max_files: int


@dataclass(frozen=True)
class Packed:
    """One file of an archive."""

    path: str
    info: zipfile.ZipInfo

    @property
    def executable(self) -> bool:
        """Whether its owner may run it."""
        return bool(self.info.external_attr >> 16 & stat.S_IXUSR)


def is_archive(path: Path) -> bool:
    """Say whether a file is a zip archive."""
    return zipfile.is_zipfile(path)


def opened(path: Path) -> zipfile.ZipFile | None:
    """Return an archive; None: it is none."""
    if not is_archive(path):
        return None
    try:
        with _memory(_LIST_BYTES):
            return zipfile.ZipFile(path)
    except MemoryError as error:
        raise DataError("the archive lists too many files") from error
    except (zipfile.BadZipFile, ValueError, NotImplementedError, UnicodeError, OSError) as error:
        raise DataError("the archive is damaged", str(error)[:200]) from error


def listed(archive: zipfile.ZipFile, limits: Limits, inside: str = "") -> tuple[list[Packed], list[str]]:
    """Return the files of an archive, and what is left out of it.

    Args:
        archive: what.
        limits: within which it has to be.
        inside: the folder that counts; empty: all.

    Raises:
        DataError: it is beyond a limit, or a path leads out of it.
    """
    infos = archive.infolist()
    if len(infos) > limits.max_files:
        raise DataError(f"the archive holds more than {limits.max_files:,} files")
    if sum(info.file_size for info in infos) > limits.max_bytes:
        raise DataError(f"the archive unpacks to more than {limits.max_bytes:,} bytes")
    found, left_out = [], []
    for info in infos:
        parts = parted(info.filename)
        kind = stat.S_IFMT(info.external_attr >> 16)
        if info.flag_bits & _ENCRYPTED:
            raise DataError(f"{info.filename[:200]!r} in the archive needs a password")
        if info.is_dir() or (inside and not info.filename.startswith(f"{inside}/")):
            continue
        if kind not in {0, stat.S_IFREG}:
            left_out.append(f"{info.filename[:200]} (a link or device)")
        elif is_gits_own(parts):
            left_out.append(f"{info.filename[:200]} (git's own)")
        else:
            found.append(Packed(info.filename.removeprefix(f"{inside}/" if inside else ""), info))
    return found, left_out


def parted(path: str) -> list[str]:
    """Return the parts of a path that stays where it is.

    Raises:
        DataError: it does not, or no file can be called so.
    """
    parts = path.removesuffix("/").split("/")
    if path.startswith("/") or not {"", ".", ".."}.isdisjoint(parts) or len(path) > 4000:
        raise DataError(f"a path leads out of the archive: {path[:200]!r}", "tell whoever published it")
    if not path.isprintable() or not all(len(part.encode(errors="replace")) <= 255 for part in parts):
        raise DataError(f"no file can be called {path[:200]!r}", "tell whoever published it")
    return parts


def is_gits_own(parts: Sequence[str]) -> bool:
    """Say whether a path is in git's own folder, by any of the names that git refuses for it."""
    return any(part.lower().rstrip(" .") in {".git", "git~1"} for part in parts)


def without_single_folder(paths: Sequence[str]) -> int:
    """Return how many signs to cut off each path so that a folder which holds all of them does not count."""
    first = paths[0].partition("/")[0] if paths else ""
    return len(first) + 1 if first and all(path.startswith(f"{first}/") for path in paths) else 0


@contextmanager
def _memory(count: int) -> Iterator[None]:
    """Let this process take so much address space, for the length of a block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = count if soft == resource.RLIM_INFINITY else min(count, soft)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
