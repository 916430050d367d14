"""What PyPI calls the packages of conda channels: a table out of well-kept ones, not guesses.

A name that is not in it may belong to anybody at PyPI, and is not asked for there. `scripts/conda_names.py` writes the
table and says where it is from.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

_FILE = "conda_names.txt"


def names() -> Mapping[str, str]:
    """Return PyPI's names, with extras where they are needed, by conda's."""
    return _read()[0]


def digest() -> str:
    """Return a digest of the table: other names may lead to other packages."""
    return _read()[1]


@cache
def _read() -> tuple[Mapping[str, str], str]:
    text = files("hubfleet.agent.environments").joinpath(_FILE).read_text()
    rows = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return {row[0]: row[-1] for row in rows}, hashlib.sha256(text.encode()).hexdigest()
