"""What apply has begun and finished, line by line on disk, so that an interrupted apply is seen and continued."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from hubfleet._kit.files import full_disk_told
from hubfleet.plan.actions import Action


class Journal:
    """The journal of one machine's applies."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self, actions: int) -> None:
        """Note that an apply begins."""
        self._write({"apply": "begin", "actions": actions})

    def step(self, action: Action, state: str) -> None:
        """Note that an action begins, is done or has failed; it lasts before this returns."""
        self._write({"action": action.title, "state": state})

    def end(self, *, good: bool) -> None:
        """Note that an apply has come to its end."""
        self._write({"apply": "end", "good": good})

    def interrupted(self) -> str:
        """Return the action in which the last apply was interrupted, or an empty text where it came to its end."""
        last = ""
        try:
            lines = self._path.read_text().splitlines()
        except FileNotFoundError:
            return ""
        for line in lines:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if row.get("apply") == "end":
                last = ""
            elif row.get("apply") == "begin":
                last = "its beginning"
            elif row.get("state") == "begun":
                last = str(row["action"])
        return last

    def _write(self, row: dict[str, object]) -> None:
        line = json.dumps({"at": datetime.now(UTC).isoformat(timespec="milliseconds"), **row}) + "\n"
        with full_disk_told(self._path):
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                os.write(handle, line.encode())
                os.fsync(handle)
            finally:
                os.close(handle)
