"""A Pipfile or Pipfile.lock: packages and development packages, as `pipenv install --dev` has them. Pure.

That is repo2docker's way, which passes over a Pipfile beside its lock
(https://github.com/jupyterhub/repo2docker/blob/main/repo2docker/buildpacks/pipfile/__init__.py). Their form:
https://pipenv.pypa.io/en/latest/pipfile.html.
"""

import re
from collections.abc import Mapping

from packaging.markers import InvalidMarker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from hubfleet.agent.environments import python_locks, python_version, tables
from hubfleet.agent.environments.specification import Locked
from hubfleet.errors import BuildError

NAME, LOCK = "Pipfile", "Pipfile.lock"
_SOURCES = ("git", "hg", "svn", "bzr", "path", "file", "editable")
_MARKERS = ("os_name", "sys_platform", "platform_machine", "platform_python_implementation", "platform_release",
            "platform_system", "platform_version", "python_version", "python_full_version", "implementation_name",
            "implementation_version")  # fmt: skip


def parse_lock(text: str, path: str, python: str) -> tuple[Locked, ...]:
    """Return the exact packages of a Pipfile.lock.

    Raises:
        BuildError: it is none, asks for another Python, or has what cannot be had here; names the entry.
    """
    whole = tables.json_table(text, path)
    _check_python(tables.table(tables.table(whole.get("_meta"), path, "_meta").get("requires"), path, "requires"),
                  path, python)  # fmt: skip
    found: dict[str, Locked] = {}
    for section in ("develop", "default"):
        for name, told in tables.table(whole.get(section), path, section).items():
            entry = tables.table(told, path, name)
            _check_source(entry, path, name)
            try:
                if not python_version.holds(_marker(entry, path, name), python):
                    continue
            except InvalidMarker as error:
                raise BuildError(f"{path}: the marker of {name[:80]!r} cannot be read") from error
            version = tables.text(entry.get("version"), path, name)
            hashes = [str(item).lower() for item in tables.items(entry.get("hashes"), path, name)]
            kept = tuple(sorted({item[7:] for item in hashes if re.fullmatch("sha256:[0-9a-f]{64}", item)}))
            if not version.startswith("==") or not kept:
                raise BuildError(f"{path}: {name[:80]!r} has no exact version with a hash", hint="write the lock anew")
            found[canonicalize_name(name)] = Locked(canonicalize_name(name), version.lstrip("="), kept)
    return tuple(found.values())


def parse(text: str, path: str, python: str) -> tuple[str, ...]:
    """Return the requirements of a Pipfile without a lock.

    Raises:
        BuildError: as of `parse_lock`.
    """
    whole = tables.toml(text, path)
    _check_python(tables.table(whole.get("requires"), path, "requires"), path, python)
    found = []
    for section in ("packages", "dev-packages"):
        for name, told in tables.table(whole.get(section), path, section).items():
            entry = told if isinstance(told, Mapping) else {"version": told}
            _check_source(entry, path, name)
            version = tables.text(entry.get("version"), path, name)
            extras = [str(extra) for extra in tables.items(entry.get("extras"), path, name)]
            marker = _marker(entry, path, name)
            line = name + (f"[{','.join(extras)}]" if extras else "") + ("" if version == "*" else version)
            try:
                found.append(str(Requirement(f"{line} ; {marker}" if marker else line)))
            except InvalidRequirement as error:
                raise BuildError(f"{path}: {name[:80]!r} is no requirement", hint=f"read as {line[:200]!r}") from error
    return tuple(found)


def _check_python(requires: Mapping[str, object], path: str, python: str) -> None:
    for key in ("python_full_version", "python_version"):
        asked = tables.text(requires.get(key), path, key)
        if asked and asked != "*":
            # of the exact one only its beginning counts, as with repo2docker
            python_version.check_exact(".".join(asked.split(".")[:2]), python, f"{key} in {path}")
            return


def _check_source(entry: Mapping[str, object], path: str, name: str) -> None:
    for key in _SOURCES:
        if key in entry:
            raise python_locks.elsewhere(path, name, key)


def _marker(entry: Mapping[str, object], path: str, name: str) -> str:
    parts = [tables.text(entry.get("markers"), path, name)]
    parts += [f"{key} {tables.text(entry[key], path, name)}" for key in _MARKERS if key in entry]
    return " and ".join(f"({part})" for part in parts if part)
