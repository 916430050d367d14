"""Logging of programs: one line a record, with the time in UTC, secrets taken out."""

import logging
import re
import sys
import time

_SECRET = re.compile(
    r"(?i)\b(token|secret|password|authorization|cookie|api[_-]?key)\b(['\"]?\s*[:=]\s*['\"]?|\s+)"
    r"(?:(?:token|bearer)\s+)?[\w.~+/=-]{8,}"
)


def redact(text: str) -> str:
    """Replace what looks like a secret's value by `***`; a net below the care not to log any."""
    return _SECRET.sub(r"\1\2***", text)


class _Redacting(logging.Formatter):
    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def set_up(*, verbose: bool = False) -> None:
    """Send the program's log to standard error."""
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(_Redacting("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S"))
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[stream], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
