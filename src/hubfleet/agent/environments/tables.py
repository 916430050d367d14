"""TOML and JSON as strangers write it: a table, or an error that names file and line. Pure."""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence

from hubfleet.errors import BuildError


def toml(text: str, path: str) -> Mapping[str, object]:
    """Read TOML.

    Raises:
        BuildError: it is none.
    """
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, str(error), "TOML") from error


def json_table(text: str, path: str) -> Mapping[str, object]:
    """Read JSON whose outermost value is a table.

    Raises:
        BuildError: it is none.
    """
    try:
        return table(json.loads(text), path, "")
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, str(error), "JSON") from error


def table(value: object, path: str, key: str) -> Mapping[str, object]:
    """Return a value that is a table; nothing is an empty one.

    Raises:
        BuildError: it is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise BuildError(f"{path}: `{key[:80]}` is no table")
    return value


def items(value: object, path: str, key: str) -> Sequence[object]:
    """Return a value that is a list; nothing is an empty one.

    Raises:
        BuildError: it is something else.
    """
    if value is None:
        return ()
    if not isinstance(value, list):
        raise BuildError(f"{path}: `{key[:80]}` is no list")
    return value


def text(value: object, path: str, key: str) -> str:
    """Return a value that is text; nothing is empty text.

    Raises:
        BuildError: it is something else.
    """
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > 1000 or not (value.isprintable() or not value):
        raise BuildError(f"{path}: `{key[:80]}` is no line of text")
    return value


def _unreadable(path: str, said: str, kind: str) -> BuildError:
    line = re.search(r"line (\d+)", said)
    place = f"line {line[1]} of {path}" if line else path
    return BuildError(f"{place}: this is no {kind}", hint=said[:300])
