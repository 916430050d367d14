"""A lock as people read it: its packages by name and version. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from posixpath import basename

PYPI = "PyPI"
DEBIAN = "Debian"
_OF_CONDA = ("environment.yml", "environment.yaml")
_OF_PYPI = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)(\[[^\]]*\])?==(?P<version>[^\s;]+)")
_OF_CHANNEL = re.compile(
    r"conda:(?P<channel>[^/]+)/[^/]+/(?P<name>\S+)-(?P<version>[^-\s]+)-[^-\s]+\.(conda|tar\.bz2)(\s|$)"
)

_OF_DEBIAN = re.compile(r"apt:(?P<name>[a-z0-9][a-z0-9+.-]+)=(?P<version>\S+):[a-z0-9-]+(\s|$)")


@dataclass(frozen=True)
class Package:
    """One package of an environment."""

    name: str
    version: str
    source: str
    """`PyPI`, `Debian`, or the name of the conda channel."""


def packages(lock: str, *, search: str = "") -> list[Package]:
    """Return a lock's packages by name, or those with a text in their name; lines of kinds to come are passed over."""
    found = [package for line in lock.splitlines() if (package := _package(line)) is not None]
    return sorted(
        (package for package in found if search.lower() in package.name.lower()),
        key=lambda package: (package.name.lower(), package.version),
    )


def sources(found: Sequence[Package], files: Sequence[str]) -> str:
    """Return where packages are from, in words: `conda-forge and PyPI`.

    Args:
        found: all of an environment.
        files: what it follows from. An environment.yml asks for conda packages; where there are none, PyPI's stand in.
    """
    known = {package.source for package in found}
    named = sorted(known - {PYPI, DEBIAN}) + [name for name in (PYPI, DEBIAN) if name in known]
    if PYPI in known and known <= {PYPI, DEBIAN} and any(basename(file) in _OF_CONDA for file in files[:1]):
        named[0] = f"{PYPI}, in place of conda channels"
    return " and ".join(filter(None, (", ".join(named[:-1]), *named[-1:])))


def made_anew(lock: str) -> list[str]:
    """Return, in sentences, what of an environment its lock does not pin: what each cluster makes anew."""
    lines = lock.splitlines()
    own = sum(line.startswith("own:") for line in lines)
    said = []
    release = next((line.partition(":")[2] for line in lines if line.startswith("apt-release:")), "")
    if release:
        said.append(
            f"Its Debian packages are what a cluster with {release} lacked: another system may lack others and then "
            "refuses it, and archives drop old versions, so that it can be made anew only while they have these."
        )
    if own:
        what = "The repository is a package itself" if own == 1 else f"The repository has {own} packages of its own"
        said.append(
            f"{what}: the lock says of which commit and what builds it, and each cluster builds it anew, so that what "
            "the build takes from the machine may differ."
        )
    if any(line.startswith("postbuild:") for line in lines):
        said.append(
            "The repository's postBuild ran on it: the lock says what ran and not what came of it, and each cluster "
            "runs it anew."
        )
    return said


def _package(line: str) -> Package | None:
    if channel := _OF_CHANNEL.match(line):
        return Package(channel["name"], channel["version"], channel["channel"])
    if pypi := _OF_PYPI.match(line):
        return Package(pypi["name"], pypi["version"], PYPI)
    if debian := _OF_DEBIAN.match(line):
        return Package(debian["name"], debian["version"], DEBIAN)
    return None
