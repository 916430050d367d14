"""User ids for programs: one number for each name, remembered, never given twice.

Numbers rather than entries in /etc/passwd: nothing of ours stays behind on the machine, and nobody can sign in as them.
"""

import json
import os
from pathlib import Path

from hubfleet._kit.files import write_atomic
from hubfleet.errors import PlatformError, StateError

FIRST, LAST = 190_000, 199_999
"""Below the range for people (200000 and up)."""


class Accounts:
    """The user ids of one machine's programs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ids: dict[str, int] = {}
        if path.exists():
            try:
                self._ids = {str(name): int(number) for name, number in json.loads(path.read_text()).items()}
            except ValueError as error:
                raise StateError(
                    f"{path} is damaged", hint="restore it from a backup: it says who owns which files"
                ) from error

    def of(self, name: str) -> tuple[int, int] | None:
        """Return uid and gid of a name, a new pair at first; None where we are not root and all run as one user."""
        if os.geteuid() != 0 or not name:
            return None
        if name not in self._ids:
            number = max(self._ids.values(), default=FIRST - 1) + 1
            if number > LAST:
                raise PlatformError(f"all user ids for programs ({FIRST}-{LAST}) are given away")
            self._ids[name] = number
            write_atomic(self._path, json.dumps(self._ids, indent=1), mode=0o600)
        return self._ids[name], self._ids[name]
