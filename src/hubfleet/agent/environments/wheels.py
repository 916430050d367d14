"""Wheels that were built here: what uv is told of them, and what it says is left out of locks again. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Wheel:
    """A wheel of a repository's own package."""

    path: Path
    name: str
    version: str
    sha256: str

    def line(self, folder: Path, extras: Sequence[str] = ()) -> str:
        """Return what asks for a copy of it in a folder, by its hash."""
        asked = f"[{','.join(extras)}]" if extras else ""
        return f"{self.name}{asked} @ {(folder / self.path.name).as_uri()} --hash=sha256:{self.sha256}\n"


def left_out(compiled: str) -> str:
    """Return what uv chose without what is a file here."""
    entries = re.split(r"\n(?=\S)", compiled)
    return "\n".join(entry for entry in entries if not re.match(r"\S+ @ file:", entry))
