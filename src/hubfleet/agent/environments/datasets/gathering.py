"""Fetches a version's files and stores them; a single archive stands for what is in it.

Runs inside the builder's sandbox.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hubfleet.agent.environments.datasets import archives
from hubfleet.agent.environments.datasets.archives import Limits
from hubfleet.agent.environments.datasets.records import Record
from hubfleet.agent.environments.datasets.storing import Store, Writing
from hubfleet.agent.environments.datasets.web import DataError, Web

_LEFT_OUT_TOLD = 20


@dataclass(frozen=True)
class Gathering:
    """How data sets get into a store."""

    store: Store
    web: Web
    limits: Limits
    waits_s: Sequence[float]
    """How long a server may take to prepare an archive, look by look."""
    say: Callable[[str], None]

    def gather(self, record: Record, version: str) -> None:
        """Fetch and store a version.

        Args:
            record: what.
            version: what the store knows it by.

        Raises:
            DataError: it cannot be had.
        """
        if len(record.files) > self.limits.max_files:
            raise DataError(f"the data set holds more than {self.limits.max_files:,} files")
        for note in record.notes:
            self.say(note)
        with tempfile.TemporaryDirectory(dir=self.store.folder, prefix="fetching-") as named:
            folder = Path(named)
            if record.unpacked and len(record.files) == 1 and self._unpack(record, version, folder):
                return
            with self.store.writing(version, record.name, record.at) as writing:
                self._copy(writing, record, folder)

    def _unpack(self, record: Record, version: str, folder: Path) -> bool:
        """Store what is in a single archive; False: the file is none, and lies where `_copy` looks for it."""
        archive = archives.opened(self._archive(record, folder))
        if archive is None:
            if record.prepared:
                raise DataError("the server takes too long to prepare the archive", "try again in some minutes")
            return False
        with archive:
            packed, left_out = archives.listed(archive, self.limits, record.inside)
            for what in left_out[:_LEFT_OUT_TOLD]:
                self.say(f"left out: {what}")
            cut = 0 if record.inside else archives.without_single_folder([item.path for item in packed])
            with self.store.writing(version, record.name, record.at) as writing:
                for item in packed:
                    writing.packed(item.path[cut:], archive, item)
        return True

    def _archive(self, record: Record, folder: Path) -> Path:
        file, target = record.files[0], folder / "0"
        self.web.file(file.address, target, md5=file.md5)
        # a server that makes archives on demand answers with a page until there is one
        for pause in self.waits_s if record.prepared else ():
            if archives.is_archive(target):
                break
            self.say("the server prepares the archive")
            time.sleep(pause)
            target.unlink()
            self.web.file(file.address, target)
        return target

    def _copy(self, writing: Writing, record: Record, folder: Path) -> None:
        cut = archives.without_single_folder([file.path for file in record.files])
        for number, file in enumerate(record.files):
            if archives.is_gits_own(archives.parted(file.path)):
                self.say(f"left out: {file.path} (git's own)")
                continue
            target = folder / str(number)
            if not target.exists():
                self.web.file(file.address, target, md5=file.md5)
            writing.file(file.path[cut:], target)
            target.unlink()
