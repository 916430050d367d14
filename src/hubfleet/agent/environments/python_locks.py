"""Exact packages out of a lock: of pylock.toml (PEP 751), and so of a uv.lock, which uv itself writes out as one. Pure.

https://packaging.python.org/en/latest/specifications/pylock-toml/
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from packaging.pylock import Package, PackageSdist, PackageWheel, Pylock, PylockSelectError, PylockValidationError
from packaging.tags import Tag, compatible_tags, cpython_tags

from hubfleet.agent.environments import python_version, tables
from hubfleet.agent.environments.specification import Locked
from hubfleet.errors import BuildError

PYLOCK = "pylock.toml"
UV = "uv.lock"
Export: TypeAlias = Callable[[str, str], str]
"""Writes a uv.lock out as a pylock.toml: texts of uv.lock and pyproject.toml -> text, or raises BuildError."""


def parse(text: str, path: str, python: str) -> tuple[Locked, ...]:
    """Return what a lock installs by default: no extras, and the groups that it says.

    Args:
        text: of a pylock.toml.
        path: its name in errors.
        python: the exact version of the cluster's.

    Raises:
        BuildError: it is none, or has what cannot be had here; names the package.
    """
    try:
        lock = Pylock.from_dict(tables.toml(text, path))
        python_version.check(str(lock.requires_python or ""), python, f"requires-python in {path}")
        chosen = list(lock.select(environment=python_version.environment(python), tags=tags(python)))
    except (PylockValidationError, PylockSelectError, ValueError) as error:
        raise BuildError(f"{path} cannot be installed here", hint=str(error)[:1000]) from error
    return tuple(_all(path, chosen))


def tags(python: str) -> list[Tag]:
    """Return which wheels fit this machine and the cluster's Python."""
    major, minor = (int(part) for part in python.split(".")[:2])
    return [*cpython_tags((major, minor)), *compatible_tags((major, minor), f"cp{major}{minor}")]


def elsewhere(path: str, name: str, where: str) -> BuildError:
    """Return why a package of another source is refused."""
    return BuildError(
        f"{path}: {name[:80]!r} comes from {where}, not from a package index, and cannot be installed yet",
        hint="lock a version from the package index instead",
    )


def source_only(path: str, name: str) -> BuildError:
    """Return why a package without wheels is refused."""
    return BuildError(
        f"{path}: {name[:80]!r} has no wheel for this cluster and would have to be compiled, which is not possible "
        "here yet",
        hint="lock a version that has one",
    )


def _all(path: str, chosen: Sequence[tuple[Package, object]]) -> Iterator[Locked]:
    for package, found in chosen:
        if isinstance(found, PackageSdist):
            raise source_only(path, package.name)
        if not isinstance(found, PackageWheel):
            kind = "the repository itself" if package.directory else "git" if package.vcs else "an address"
            raise elsewhere(path, package.name, kind)
        hashes = {wheel.hashes["sha256"] for wheel in package.wheels or () if "sha256" in wheel.hashes}
        if "sha256" not in found.hashes or package.version is None:
            raise BuildError(f"{path}: {package.name!r} has no exact version with a hash", hint="write the lock anew")
        yield Locked(package.name, str(package.version), tuple(sorted(item.lower() for item in hashes)))
