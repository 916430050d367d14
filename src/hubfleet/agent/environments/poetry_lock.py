"""Exact packages out of a poetry.lock: what `poetry install` installs beside the project itself. Pure.

That is the main dependencies and all groups that are not optional
(https://python-poetry.org/docs/managing-dependencies/#dependency-groups), without extras. Since version 2.1 a lock says
which groups and markers a package is for; older ones are walked through from what pyproject.toml names.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.markers import InvalidMarker
from packaging.requirements import Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from hubfleet.agent.environments import python_locks, python_version, tables
from hubfleet.agent.environments.specification import Locked
from hubfleet.errors import BuildError

NAME = "poetry.lock"
Table = Mapping[str, object]


@dataclass(frozen=True)
class _Lock:
    path: str
    python: str
    whole: Table
    packages: Sequence[Table]

    def named(self, name: str, constraint: str) -> Iterator[Table]:
        """Yield packages of this name whose version is allowed; one alone is meant, whatever it is."""
        found = [package for package in self.packages if canonicalize_name(str(package.get("name"))) == name]
        yield from (
            found
            if len(found) == 1
            else (package for package in found if python_version.satisfies(str(package.get("version")), constraint))
        )


def parse(text: str, path: str, project: Table, python: str) -> tuple[Locked, ...]:
    """Return what a lock installs by default.

    Args:
        text: TOML.
        path: its name in errors.
        project: the pyproject.toml beside it.
        python: the exact version of the cluster's.

    Raises:
        BuildError: it is none, or has what cannot be had here; names the package.
    """
    whole = tables.toml(text, path)
    listed = tables.items(whole.get("package"), path, "package")
    lock = _Lock(path, python, whole, [tables.table(item, path, "package") for item in listed])
    metadata = tables.table(whole.get("metadata"), path, "metadata")
    wanted = tables.text(metadata.get("python-versions"), path, "python-versions")
    if wanted and not python_version.satisfies(python, wanted):
        python_version.check(f"!={python}", python, f"python-versions ({wanted}) in {path}")
    try:
        chosen = _by_groups(lock, project) if _has_groups(lock) else _by_walking(lock, project)
    except InvalidMarker as error:
        raise BuildError(f"{path}: a marker cannot be read", hint=str(error)[:300]) from error
    names = [str(package.get("name")) for package in chosen]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BuildError(
            f"{path}: {twice[0][:80]!r} is there in two versions for this cluster",
            hint="write the list by `poetry export --output requirements.txt`",
        )
    return tuple(_locked(lock, package) for package in chosen)


def _has_groups(lock: _Lock) -> bool:
    return any("groups" in package for package in lock.packages)


def _by_groups(lock: _Lock, project: Table) -> list[Table]:
    optional = {name for name, group in _groups(project, lock.path).items() if group.get("optional") is True}
    found = []
    for package in lock.packages:
        groups = {str(name) for name in tables.items(package.get("groups"), lock.path, "groups")} - optional
        markers = package.get("markers", "")
        by_group = markers if isinstance(markers, Mapping) else dict.fromkeys(groups, markers)
        said = [tables.text(by_group.get(name), lock.path, "markers") for name in groups]
        if any(python_version.holds(marker, lock.python) for marker in said):
            found.append(package)
    return found


def _by_walking(lock: _Lock, project: Table) -> list[Table]:
    waiting = list(_roots(lock, project))
    seen: set[tuple[str, str, frozenset[str]]] = set()
    found: dict[int, Table] = {}
    while waiting:
        name, constraint, extras = waiting.pop()
        if (name, constraint, extras) in seen:
            continue
        seen.add((name, constraint, extras))
        for package in lock.named(name, constraint):
            found[id(package)] = package
            needs = tables.table(package.get("dependencies"), lock.path, name)
            offered = tables.table(package.get("extras"), lock.path, name)
            asked: set[str] = {
                canonicalize_name(str(line).split(" ")[0].partition("[")[0].partition("(")[0])
                for extra, lines in offered.items()
                if canonicalize_name(extra) in extras
                for line in tables.items(lines, lock.path, extra)
            }
            waiting += _edges(lock, needs, asked, extras)
    return list(found.values())


def _roots(lock: _Lock, project: Table) -> Iterator[tuple[str, str, frozenset[str]]]:
    pep = tables.table(project.get("project"), lock.path, "project")
    for line in tables.items(pep.get("dependencies"), lock.path, "project.dependencies"):
        asked = Requirement(str(line))
        if python_version.holds(str(asked.marker or ""), lock.python):
            yield canonicalize_name(asked.name), str(asked.specifier) or "*", frozenset(asked.extras)
    poetry = _poetry(project, lock.path)
    groups = [group for group in _groups(project, lock.path).values() if group.get("optional") is not True]
    for table in (poetry, *groups):
        needs = tables.table(table.get("dependencies"), lock.path, "dependencies")
        yield from _edges(lock, {name: edge for name, edge in needs.items() if name != "python"}, set(), frozenset())
    yield from _edges(lock, tables.table(poetry.get("dev-dependencies"), lock.path, "dev"), set(), frozenset())


def _edges(
    lock: _Lock, needs: Table, asked: set[str], extras: frozenset[str]
) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Yield what a table of dependencies leads to here."""
    for name, told in needs.items():
        for edge in told if isinstance(told, list) else [told]:
            said = edge if isinstance(edge, Mapping) else {"version": edge}
            if said.get("optional") is True and canonicalize_name(name) not in asked:
                continue
            for_python = tables.text(said.get("python"), lock.path, name) or "*"
            marker = tables.text(said.get("markers"), lock.path, name)
            if python_version.satisfies(lock.python, for_python) and python_version.holds(marker, lock.python, extras):
                more = frozenset(canonicalize_name(str(extra)) for extra in tables.items(said.get("extras"), "", name))
                yield canonicalize_name(name), tables.text(said.get("version"), lock.path, name) or "*", more


def _locked(lock: _Lock, package: Table) -> Locked:
    name = tables.text(package.get("name"), lock.path, "name")
    version = tables.text(package.get("version"), lock.path, name)
    source = tables.table(package.get("source"), lock.path, name)
    if source.get("type", "legacy") != "legacy":
        raise python_locks.elsewhere(lock.path, name, str(source.get("type"))[:20])
    old = tables.table(tables.table(lock.whole.get("metadata"), lock.path, "metadata").get("files"), lock.path, "files")
    wheels = [
        tables.table(file, lock.path, name)
        for file in tables.items(package.get("files") or old.get(name), lock.path, name)
        if str(tables.table(file, lock.path, name).get("file")).endswith(".whl")
    ]
    if not any(_fits(str(wheel.get("file")), lock.python) for wheel in wheels):
        raise python_locks.source_only(lock.path, name)
    hashes = [str(wheel.get("hash")).lower().removeprefix("sha256:") for wheel in wheels]
    return Locked(canonicalize_name(name), version, tuple(sorted({found for found in hashes if len(found) == 64})))


def _fits(wheel: str, python: str) -> bool:
    try:
        return not parse_wheel_filename(wheel)[3].isdisjoint(python_locks.tags(python))
    except InvalidWheelFilename:
        return False


def _poetry(project: Table, path: str) -> Table:
    return tables.table(tables.table(project.get("tool"), path, "tool").get("poetry"), path, "tool.poetry")


def _groups(project: Table, path: str) -> dict[str, Table]:
    groups = tables.table(_poetry(project, path).get("group"), path, "tool.poetry.group")
    return {name: tables.table(group, path, name) for name, group in groups.items()}
