"""Runs in a sandbox as a person, who sees nothing there but the home: makes an archive of one of its folders.

It gets JSON on its standard input and writes one JSON line: the archive, in base64, and what was left out; or why it is
`refused`. It follows no link, opens plain files only, and reads no more of one than it held at first.
"""

import base64
import io
import json
import os
import stat
import sys
import zipfile
from collections.abc import Iterator
from typing import Any

_ENTRIES_MAX = 50_000
_DEEP_MAX = 40
_NAMED_MAX = 20
_TAKEN_ANYWAY = frozenset({".binder"})
_OF_TOOLS = frozenset({"node_modules", "__pycache__"})
_MARKS = frozenset({"pyvenv.cfg", "conda-meta"})
"""What shows that a folder is an environment."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class RefusalError(Exception):
    """Why there is no archive."""


class Packing:
    """One archive while it is made."""

    def __init__(self, *, max_bytes: int, max_files: int, max_archive: int) -> None:
        """Make an empty one within limits: bytes of all files, how many they are, and bytes of the archive."""
        self.left_out: list[str] = []
        self.count = 0
        self._room, self._max_files, self._max_archive = max_bytes, max_files, max_archive
        self._whole = io.BytesIO()
        self._archive = zipfile.ZipFile(self._whole, "w", zipfile.ZIP_DEFLATED)
        self._seen = 0

    def folder(self, handle: int, path: str = "", deep: int = 0) -> None:
        """Add what is in a folder."""
        names = sorted(self._names(handle))
        if path and _MARKS.intersection(names):
            self._leave(path, "an environment")
            return
        for name in names:
            inner = f"{path}/{name}" if path else name
            if not name.isprintable():
                self._leave(ascii(inner), "its name")
            elif name.startswith(".") and name not in _TAKEN_ANYWAY:
                self._leave(inner, "hidden")
            elif name in _OF_TOOLS:
                self._leave(inner, "tools make it again")
            else:
                self._entry(handle, name, inner, deep)

    def done(self) -> bytes:
        """Return the archive."""
        self._archive.close()
        self._small()
        return self._whole.getvalue()

    def _names(self, handle: int) -> Iterator[str]:
        with os.scandir(handle) as entries:
            for entry in entries:
                self._seen += 1
                if self._seen > _ENTRIES_MAX:
                    raise RefusalError(f"the folder holds more than {self._max_files:,} files")
                yield entry.name

    def _entry(self, parent: int, name: str, path: str, deep: int) -> None:
        try:
            kind = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
            if stat.S_ISDIR(kind):
                self._inner(parent, name, path, deep)
            elif stat.S_ISREG(kind):
                self._file(parent, name, path)
            else:
                self._leave(path, "a link" if stat.S_ISLNK(kind) else "no plain file")
        except OSError as error:
            self._leave(path, error.strerror or "it cannot be read")

    def _inner(self, parent: int, name: str, path: str, deep: int) -> None:
        if deep >= _DEEP_MAX:
            self._leave(path, "too deep")
            return
        handle = os.open(name, _FOLDER, dir_fd=parent)
        try:
            self.folder(handle, path, deep + 1)
        finally:
            os.close(handle)

    def _file(self, parent: int, name: str, path: str) -> None:
        with os.fdopen(os.open(name, _FILE, dir_fd=parent), "rb") as file:
            told = os.fstat(file.fileno())
            if not stat.S_ISREG(told.st_mode):
                self._leave(path, "no plain file")
                return
            self.count += 1
            self._room -= told.st_size
            if self.count > self._max_files:
                raise RefusalError(f"the folder holds more than {self._max_files:,} files")
            if self._room < 0:
                raise RefusalError(f"the folder holds too much: with {path!r} it is over the limit")
            about = zipfile.ZipInfo(path)
            about.compress_type = zipfile.ZIP_DEFLATED
            about.external_attr = (0o755 if told.st_mode & stat.S_IXUSR else 0o644) << 16
            left = told.st_size
            with self._archive.open(about, "w", force_zip64=False) as to:
                while left and (piece := file.read(min(left, 1024 * 1024))):
                    left -= len(piece)
                    to.write(piece)
                    self._small()

    def _small(self) -> None:
        if self._whole.tell() > self._max_archive:
            raise RefusalError(f"the folder is larger than {self._max_archive // 1_000_000} MB as an archive")

    def _leave(self, path: str, why: str) -> None:
        self.left_out.append(f"{path[:300]} ({why})")


def main() -> None:
    """Do what standard input asks for."""
    told = json.load(sys.stdin)
    try:
        answer = _answer(told)
    except RefusalError as error:
        answer = {"refused": str(error)}
    except OSError as error:
        answer = {"refused": f"the folder cannot be read: {error.strerror}"}
    print(json.dumps(answer))  # noqa: T201 - read by the agent


def _answer(told: dict[str, Any]) -> dict[str, object]:
    packing = Packing(max_bytes=told["max_bytes"], max_files=told["max_files"], max_archive=told["max_archive"])
    handle = _opened(told["home"], told["path"].split("/"))
    try:
        packing.folder(handle)
    finally:
        os.close(handle)
    if not packing.count:
        raise RefusalError("the folder holds no files that could be taken")
    archive = base64.b64encode(packing.done()).decode()
    left = packing.left_out
    more = [f"and {len(left) - _NAMED_MAX} more"] if len(left) > _NAMED_MAX else []
    return {"archive": archive, "count": packing.count, "left_out": [*left[:_NAMED_MAX], *more]}


def _opened(home: str, parts: list[str]) -> int:
    """Open a folder below a home, link by link refused."""
    handle = os.open(home, _FOLDER)
    for number, part in enumerate(parts, 1):
        path = "/".join(parts[:number])
        if part in {"", ".", ".."} or (part.startswith(".") and part not in _TAKEN_ANYWAY):
            raise RefusalError(f"{path!r} is no folder that can be taken")
        try:
            kind = os.stat(part, dir_fd=handle, follow_symlinks=False).st_mode
            inner = os.open(part, _FOLDER, dir_fd=handle) if stat.S_ISDIR(kind) else -1
        except FileNotFoundError:
            raise RefusalError(f"there is no folder {path!r} in your home") from None
        finally:
            os.close(handle)
        if inner < 0:
            raise RefusalError(f"{path!r} is {'a link' if stat.S_ISLNK(kind) else 'a file'}: name the folder itself")
        handle = inner
    return handle


if __name__ == "__main__":
    main()
