"""Runs inside the builder's sandbox after a `postBuild` has ended: takes what it left as data.

A program of its own, on the standard library alone, that runs nothing of a repository. What is as it was in the
environment becomes a hard link to it; all else is moved. Only folders, files and links are taken, with plain rights,
and of the files at home none in `.git`: those are git's, as they were fetched.
"""

import json
import os
import shutil
import stat
import sys
from pathlib import Path
from typing import NoReturn

DEPTH_MAX = 64


class Keeping:
    """What is taken so far, within its limits."""

    def __init__(self, max_bytes: int, max_entries: int) -> None:
        """Begin with nothing.

        Args:
            max_bytes: what all files may hold, holes counted.
            max_entries: how many files and folders there may be.
        """
        self._bytes = max_bytes
        self._entries = max_entries

    def take(self, source: Path, target: Path, *, twin: Path | None = None, without: str) -> None:
        """Move a folder's content into a new one.

        Args:
            source: a folder that strangers' code has written.
            target: where it goes.
            twin: a folder like it that nobody has changed; None: there is none.
            without: a name in the folder that is left out.
        """
        waiting = [Path()]
        while waiting:
            folder = waiting.pop()
            if len(folder.parts) > DEPTH_MAX:
                fail(f"folders more than {DEPTH_MAX} deep")
            (target / folder).mkdir(mode=0o755)
            (source / folder).chmod(0o700)
            with os.scandir(source / folder) as entries:
                for entry in entries:
                    path = folder / entry.name
                    if path == Path(without):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(path)
                    self._one(Path(entry.path), target / path, twin and twin / path)

    def _one(self, path: Path, target: Path, twin: Path | None) -> None:
        found = path.lstat()
        self._entries -= 1
        if stat.S_ISLNK(found.st_mode):
            target.symlink_to(path.readlink())
        elif stat.S_ISREG(found.st_mode):
            self._bytes -= found.st_size
            if not (twin and _same(found, twin) and _linked(twin, target)):
                path.chmod(0o755 if found.st_mode & 0o100 else 0o644)
                path.rename(target)
        if self._bytes < 0 or self._entries < 0:
            fail("more data or files than an environment may have")


def main() -> None:
    """Do what standard input asks for."""
    told = json.load(sys.stdin)
    to = Path(told["to"])
    keeping = Keeping(told["max_bytes"], told["max_entries"])
    keeping.take(Path(told["prefix"]), to / "prefix", twin=Path(told["plain"]), without=told["marker"])
    keeping.take(Path(told["home"]), to / "files", without=".git")
    for own in Path(told["tree"]).rglob(".git"):
        # the repository's, and those of its submodules
        path = own.relative_to(told["tree"])
        _put_back(own, to / "files", path)


def _put_back(own: Path, files: Path, path: Path) -> None:
    """Let a folder be git's own as it was fetched; none where the folder that it was in is gone."""
    if (files / path.parent).resolve() != files.resolve() / path.parent or not (files / path.parent).is_dir():
        return
    if os.path.lexists(files / path):
        shutil.rmtree(files / path, ignore_errors=True)
    if not os.path.lexists(files / path):
        shutil.copytree(own, files / path, symlinks=True)


def fail(what: str) -> NoReturn:
    """End with what was too much."""
    print(what)  # noqa: T201 - read by the agent
    sys.exit(1)


def _same(found: os.stat_result, twin: Path) -> bool:
    try:
        known = twin.lstat()
    except OSError:
        return False
    return (found.st_mode, found.st_size, found.st_mtime_ns) == (known.st_mode, known.st_size, known.st_mtime_ns)


def _linked(twin: Path, target: Path) -> bool:
    try:
        target.hardlink_to(twin)
    except OSError:
        # a file has only so many names
        return False
    return True


if __name__ == "__main__":
    main()
