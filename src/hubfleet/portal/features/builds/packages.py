"""A lock as people read it: its packages by name and version. Pure."""

import re
from dataclasses import dataclass

PYPI = "PyPI"
_OF_PYPI = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)(\[[^\]]*\])?==(?P<version>[^\s;]+)")
_OF_CHANNEL = re.compile(
    r"conda:(?P<channel>[^/]+)/[^/]+/(?P<name>\S+)-(?P<version>[^-\s]+)-[^-\s]+\.(conda|tar\.bz2)(\s|$)"
)


@dataclass(frozen=True)
class Package:
    """One package of an environment."""

    name: str
    version: str
    source: str
    """`PyPI`, or the name of the conda channel."""


def packages(lock: str, *, search: str = "") -> list[Package]:
    """Return a lock's packages by name, or those with a text in their name; lines of kinds to come are passed over."""
    found = [package for line in lock.splitlines() if (package := _package(line)) is not None]
    return sorted(
        (package for package in found if search.lower() in package.name.lower()),
        key=lambda package: (package.name.lower(), package.version),
    )


def _package(line: str) -> Package | None:
    if channel := _OF_CHANNEL.match(line):
        return Package(channel["name"], channel["version"], channel["channel"])
    if pypi := _OF_PYPI.match(line):
        return Package(pypi["name"], pypi["version"], PYPI)
    return None
