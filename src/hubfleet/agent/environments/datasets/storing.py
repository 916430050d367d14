"""Makes of a data set's version one commit of a git repository, which is the same wherever and whenever it is made.

Runs inside the builder's sandbox. git gets the files by a stream, so that no path, link, attribute or ignored name of
theirs means anything while they are stored.
"""

import fcntl
import hashlib
import shutil
import subprocess  # noqa: TID251 - runs alone inside the sandbox
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO
from zipfile import BadZipFile, ZipFile

from hubfleet.agent.environments.datasets.archives import Packed
from hubfleet.agent.environments.datasets.web import DataError

_PERSON = "Data set <data@invalid>"
_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",  # noqa: S108 - the sandbox's own
    "LANG": "C.UTF-8",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
}
_CHUNK = 1 << 20


class Store:
    """One bare repository."""

    def __init__(self, folder: Path) -> None:
        """Name it; it need not be there yet."""
        self.folder = folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others from storing in it for the length of a block, and make it unless it is there."""
        with (self.folder / "storing.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (self.folder / "HEAD").exists():
                self._git("init", "--quiet", "--bare", "--template=", str(self.folder))
            yield

    def commit_of(self, version: str) -> str:
        """Return the commit of a version that was stored; empty: it was not."""
        return self._git("rev-parse", "--quiet", "--verify", _ref(version), check=False)

    def has(self, commit: str) -> bool:
        """Say whether a commit was stored."""
        return bool(self._git("rev-parse", "--quiet", "--verify", f"refs/commits/{commit}", check=False))

    @contextmanager
    def writing(self, version: str, message: str, at: datetime) -> Iterator["Writing"]:
        """Give what takes the files of a version; its commit is there after the block, or nothing is."""
        try:
            with self._importing() as stream:
                writing = Writing(stream)
                writing.begin(message, at)
                yield writing
                stream.write(b"\ndone\n")
        finally:
            self._sweep()
        commit = self._git("rev-parse", "refs/incoming")
        self._git("update-ref", f"refs/commits/{commit}", commit)
        self._git("update-ref", _ref(version), commit)
        self._git("update-ref", "-d", "refs/incoming")

    @contextmanager
    def _importing(self) -> Iterator[IO[bytes]]:
        """Run git's `fast-import` for the length of a block, and end it where the block fails."""
        command = [*self._command(), "-c", "core.bigFileThreshold=16m", "fast-import", "--quiet", "--done"]
        with subprocess.Popen(
            command, env=_ENVIRONMENT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
        ) as running:
            assert running.stdin is not None and running.stderr is not None
            try:
                yield running.stdin
                running.stdin.close()
            except BrokenPipeError as error:
                raise DataError("the data set cannot be stored", _last(running.stderr)) from error
            finally:
                if not running.stdin.closed:
                    running.kill()
                    with suppress(OSError):
                        running.stdin.close()
            said = _last(running.stderr)
        if running.returncode:
            raise DataError("the data set cannot be stored", said)

    def _sweep(self) -> None:
        """Remove what an import that was ended has left."""
        for path in [*self.folder.glob("objects/pack/tmp_*"), *self.folder.glob("fast_import_crash_*")]:
            path.unlink(missing_ok=True)

    def _command(self) -> list[str]:
        return ["git", "--git-dir", str(self.folder), "-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0"]

    def _git(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run([*self._command(), *arguments], env=_ENVIRONMENT, capture_output=True, check=False)
        if check and done.returncode:
            raise DataError("the data set cannot be stored", done.stderr.decode(errors="replace").strip()[-300:])
        return done.stdout.decode().strip()


class Writing:
    """Takes the files of one commit."""

    def __init__(self, stream: IO[bytes]) -> None:
        """Write to git's `fast-import`."""
        self._stream = stream

    def begin(self, message: str, at: datetime) -> None:
        """Begin with what is said of the commit."""
        said = message.encode()
        seconds = max(0, int(at.timestamp()))
        self._stream.write(f"commit refs/incoming\ncommitter {_PERSON} {seconds} +0000\n".encode())
        self._stream.write(b"data %d\n%s\n" % (len(said), said))

    def file(self, path: str, source: Path) -> None:
        """Add a file that is on the disk."""
        with source.open("rb") as opened:
            self._head(path, source.stat().st_size, executable=False)
            shutil.copyfileobj(opened, self._stream, _CHUNK)
            self._stream.write(b"\n")

    def packed(self, path: str, archive: ZipFile, packed: Packed) -> None:
        """Add a file of an archive.

        Raises:
            DataError: it is not what the archive's list says.
        """
        try:
            with archive.open(packed.info) as opened:
                self._head(path, packed.info.file_size, executable=packed.executable)
                written = 0
                while chunk := opened.read(_CHUNK):
                    written += len(chunk)
                    self._stream.write(chunk)
        except (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            raise DataError(f"{path[:200]!r} in the archive is damaged", str(error)[:200]) from error
        if written != packed.info.file_size:
            raise DataError(f"{path[:200]!r} in the archive is damaged", "it has another length than its list says")
        self._stream.write(b"\n")

    def _head(self, path: str, size: int, *, executable: bool) -> None:
        quoted = path.replace("\\", "\\\\").replace('"', '\\"')
        self._stream.write(f'M {"100755" if executable else "100644"} inline "{quoted}"\ndata {size}\n'.encode())


def _ref(version: str) -> str:
    return f"refs/versions/{hashlib.sha256(version.encode()).hexdigest()}"


def _last(stream: IO[bytes]) -> str:
    return stream.read().decode(errors="replace").strip()[-300:]
