"""Files that must last: written whole or not at all, private where they hold secrets, locked where two would meet."""

import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hubfleet.errors import StateError


def write_atomic(path: Path, content: str | bytes, *, mode: int = 0o644, group: int | None = None) -> None:
    """Replace a file by new content so that a crash leaves the old or the new one, and the new one lasts.

    Raises:
        StateError: the disk is full; the old one is there still.
    """
    raw = content.encode() if isinstance(content, str) else content
    with full_disk_told(path):
        _write(path, raw, mode, group)


@contextmanager
def full_disk_told(path: Path) -> Iterator[None]:
    """Turn the system's word for a full disk into an error that says what to do; other errors pass.

    Raises:
        StateError: the disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise StateError(
            f"the disk is full: {path} cannot be written", hint="free some space there and do it again: nothing is lost"
        ) from error


def _write(path: Path, raw: bytes, mode: int, group: int | None) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            if group is not None:
                os.fchown(file.fileno(), -1, group)
            os.fchmod(file.fileno(), mode)
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _fsync_folder(path.parent)


def write_if_changed(path: Path, content: str | bytes, *, mode: int = 0o644) -> bool:
    """Write like `write_atomic` where content or mode differ; say whether anything was written."""
    raw = content.encode() if isinstance(content, str) else content
    try:
        if path.read_bytes() == raw and (path.stat().st_mode & 0o777) == mode:
            return False
    except FileNotFoundError:
        pass
    write_atomic(path, raw, mode=mode)
    return True


@contextmanager
def in_memory(content: bytes) -> Iterator[int]:
    """Hold content in memory behind a descriptor that a child may read; it is on no disk."""
    handle = os.memfd_create("hubfleet", os.MFD_CLOEXEC)
    try:
        os.write(handle, content)
        os.lseek(handle, 0, os.SEEK_SET)
        yield handle
    finally:
        os.close(handle)


def make_private(folder: Path) -> Path:
    """Make a folder that only its owner may enter."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    return folder


@contextmanager
def locked(path: Path, *, what: str, hint: str) -> Iterator[None]:
    """Hold an exclusive lock for the length of a block; the kernel frees it when the process dies.

    Raises:
        StateError: another process holds it, or the disk is full.
    """
    with full_disk_told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 100, 0).decode(errors="replace").strip() or "unknown"
            raise StateError(f"{what} (process {holder} holds {path})", hint=hint) from None
        with full_disk_told(path):
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def _fsync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
