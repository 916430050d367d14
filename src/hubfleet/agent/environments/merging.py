"""A repository's own lock with a kernel: just what the lock says, and what a kernel needs besides. Pure.

The package index is asked only whether it has those very files, and the kernel's packages are chosen to go with them.
"""

import re
from collections.abc import Sequence

from hubfleet.agent.environments.specification import Locked
from hubfleet.errors import BuildError

_ENTRY = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[^\s\\;]+)")


def pins(locked: Sequence[Locked]) -> str:
    """Return what uv reads of a lock."""
    return "".join(f"{package.name}=={package.version}\n" for package in locked)


def merged(locked: Sequence[Locked], path: str, of_index: str, of_kernel: str) -> str:
    """Return all of an environment.

    Args:
        locked: the repository's lock.
        path: its name in errors.
        of_index: what uv found of it, with the index's hashes.
        of_kernel: what uv chose for a kernel, with all that goes with it.

    Raises:
        BuildError: the index has other files of the same version.
    """
    hashes = {_name(entry): set(re.findall(r"--hash=sha256:([0-9a-f]{64})", entry)) for entry in _entries(of_index)}
    for package in locked:
        if hashes.get(package.name, set()).isdisjoint(package.hashes):
            raise BuildError(
                f"{path}: the files of {package.name} {package.version} are not those of the package index",
                hint="their hashes differ: it was locked from another index, or the lock is damaged",
            )
    known = {package.name for package in locked}
    added = [entry for entry in _entries(of_kernel) if _name(entry) not in known]
    return "\n".join([*(package.line for package in locked), *added]) + "\n"


def _entries(compiled: str) -> list[str]:
    return [entry for entry in re.split(r"\n(?=\S)", compiled.strip()) if entry]


def _name(entry: str) -> str:
    found = _ENTRY.match(entry)
    return re.sub(r"[-_.]+", "-", found["name"]).lower() if found else ""
