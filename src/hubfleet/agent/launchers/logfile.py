"""The log file of one server: read from its end, kept short; nothing in it is believed: people write it."""

import os
import shutil
from pathlib import Path

MAX_BYTES = 5 * 1024 * 1024
TAIL_BYTES = 200_000


def tail(path: Path, lines: int) -> str:
    """Return the last lines, of at most 200,000 bytes in all; empty if there is no file."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            raw = file.read(TAIL_BYTES)
    except OSError:
        return ""
    text = "".join(char for char in raw.decode(errors="replace") if char.isprintable() or char in "\n\t")
    return "\n".join(text.splitlines()[-lines:])


def shorten(path: Path) -> None:
    """Empty a log that has grown too long; its writer appends, and so goes on at the new end."""
    try:
        if path.stat().st_size > MAX_BYTES:
            os.truncate(path, 0)
    except OSError:
        return


def remove(folder: Path) -> None:
    """Remove a server's folder."""
    shutil.rmtree(folder, ignore_errors=True)
