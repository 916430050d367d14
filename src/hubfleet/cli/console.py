"""The only printer: results to standard output, everything else to standard error, colour on terminals only."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

from hubfleet.config.notice import Notice
from hubfleet.errors import ConfigErrors, HubfleetError

_RED, _YELLOW, _DIM, _BOLD = "1;31", "1;33", "2", "1"


def say(text: str = "") -> None:
    """Write a line of the result."""
    print(text, flush=True)


def note(text: str) -> None:
    """Write a line about what happens, which is no result."""
    print(text, file=sys.stderr, flush=True)


def as_json(value: object) -> None:
    """Write a result for another program."""
    say(json.dumps(value, indent=2, ensure_ascii=False))


def problem(error: HubfleetError) -> None:
    """Show an error and what to do."""
    print(f"{_painted('error:', _RED)} {error}", file=sys.stderr)
    _hint(error.hint)


def problems(errors: ConfigErrors) -> None:
    """Show all that is wrong with a set of files."""
    for error in errors.errors:
        problem(error)
    note(_painted(errors.message, _BOLD))


def notice(warning: Notice) -> None:
    """Show a warning."""
    print(f"{_painted('warning:', _YELLOW)} {warning}", file=sys.stderr)
    _hint(warning.hint)


def wrong_use(error: Exception) -> None:
    """Show that a command was called wrongly, or its help where it was called with nothing."""
    text = str(getattr(error, "format_message", error.__str__)())
    if text.startswith("Usage:"):
        note(text)
        return
    print(f"{_painted('error:', _RED)} {text[:1].lower()}{text[1:].rstrip('.')}", file=sys.stderr)
    context = getattr(error, "ctx", None)
    if context is not None:
        _hint(f"see `{context.command_path} --help`")


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write rows in columns; the last column is as wide as it likes."""
    lines = [tuple(headings), *(tuple(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings) - 1)]
    for number, line in enumerate(lines):
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=False)]
        text = "  ".join((*cells, line[-1])).rstrip()
        say(_painted(text, _BOLD, sys.stdout) if number == 0 else text)


def faint(text: str) -> str:
    """Return text that matters less, for the result."""
    return _painted(text, _DIM, sys.stdout)


def ask(question: str) -> bool:
    """Ask a yes-or-no question; no terminal means no."""
    if not sys.stdin.isatty():
        return False
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _hint(text: str) -> None:
    if text:
        print(f"  {_painted('hint:', _DIM)} {text}", file=sys.stderr)


def _painted(text: str, colour: str, stream: TextIO | None = None) -> str:
    stream = stream or sys.stderr
    if not stream.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\033[{colour}m{text}\033[0m"
