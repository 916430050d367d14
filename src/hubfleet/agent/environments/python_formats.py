"""Which of a repository's Python files counts, and what it asks for, in repo2docker's order. Pure.

A Pipfile or its lock comes before requirements.txt, and that before a project
(https://github.com/jupyterhub/repo2docker/blob/main/repo2docker/app.py, `buildpacks`). Beside requirements.txt in the
root repo2docker installs the project too: a setup.py, or a pyproject.toml with a build system. Locks beside
pyproject.toml are not known to repo2docker: each means what the tool that wrote it installs by default.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from posixpath import dirname

from hubfleet.agent.environments import pipfile, poetry_lock, python_locks, python_project, tables
from hubfleet.agent.environments.python_project import Project
from hubfleet.agent.environments.specification import REQUIREMENTS, Locked, Own, SourceFile
from hubfleet.errors import BuildError

_SETUP = "setup.py"
_LOCKS = (python_locks.UV, python_locks.PYLOCK, poetry_lock.NAME)
NAMES = (pipfile.LOCK, pipfile.NAME, REQUIREMENTS, python_project.NAME, *_LOCKS, _SETUP)


@dataclass(frozen=True)
class Asked:
    """What a repository's Python files ask for."""

    files: tuple[SourceFile, ...] = ()
    """Those that count; none: nothing is asked for."""
    requirements: tuple[str, ...] = ()
    """Besides the lines of a requirements.txt."""
    locked: tuple[Locked, ...] = ()
    notes: tuple[str, ...] = ()
    own: tuple[Own, ...] = ()
    """What is installed from the repository itself."""


def asked(found: Mapping[str, SourceFile], python: str, export: python_locks.Export) -> Asked:
    """Return what is asked for.

    Args:
        found: the files of one folder, by name.
        python: the exact version of the cluster's.
        export: for a uv.lock.

    Raises:
        BuildError: it cannot be had here; names the file and the line or entry.
    """
    if pipfile.LOCK in found:
        file = found[pipfile.LOCK]
        return Asked((file,), locked=pipfile.parse_lock(file.text, file.path, python))
    if pipfile.NAME in found:
        file = found[pipfile.NAME]
        return Asked((file,), requirements=pipfile.parse(file.text, file.path, python))
    beside = found.get(python_project.NAME)
    project = python_project.parse(beside.text, beside.path, python) if beside else Project("")
    if REQUIREMENTS in found:
        return _with_a_list(found, project)
    for name in _LOCKS:
        if name in found:
            return _locked(found, name, project, python, export)
    return _of_project(found, project)


def _with_a_list(found: Mapping[str, SourceFile], project: Project) -> Asked:
    file = found[REQUIREMENTS]
    notes = [f"{found[name].path} is not used, as {file.path} comes first" for name in _LOCKS if name in found]
    if dirname(file.path):
        return Asked((file,), notes=tuple(notes))
    beside = _of_project(found, project) if project.built or _SETUP in found else Asked()
    return replace(beside, files=(file, *beside.files), notes=tuple(notes))


def _locked(
    found: Mapping[str, SourceFile], name: str, project: Project, python: str, export: python_locks.Export
) -> Asked:
    lock, beside = found[name], found.get(python_project.NAME)
    files = (lock, beside) if beside else (lock,)
    if name == python_locks.PYLOCK:
        notes = (_itself(project.path),) if project.built else ()
        return Asked(files, locked=python_locks.parse(lock.text, lock.path, python), notes=notes)
    if beside is None:
        raise BuildError(f"there is no {python_project.NAME} beside {lock.path}", hint="add it, or remove the lock")
    if name == python_locks.UV:
        locked = python_locks.parse(export(lock.text, beside.text), lock.path, python)
    else:
        locked = poetry_lock.parse(lock.text, lock.path, tables.toml(beside.text, beside.path), python)
    return Asked(files, locked=locked, own=_own(beside) if project.built and project.package else ())


def _of_project(found: Mapping[str, SourceFile], project: Project) -> Asked:
    if project.poetry and not project.requirements and not project.built:
        raise BuildError(
            f"the dependencies of {project.path} are in Poetry's own form and without a lock",
            hint=f"commit the {poetry_lock.NAME} that `poetry lock` writes, or {python_project.WRITE_A_LIST}",
        )
    file = found.get(python_project.NAME)
    if project.built and file:
        own, files = _own(file), (file, *([found[_SETUP]] if _SETUP in found else []))
    elif _SETUP in found:
        own, files = _own(found[_SETUP]), (found[_SETUP], *([file] if file and project.declared else []))
    else:
        own, files = (), (file,) if file and project.requirements else ()
    if project.dynamic and not own:
        raise BuildError(
            f"what {project.path} depends on is known to its own code only, and it says nothing of how it is built",
            hint=f"add a [build-system], or {python_project.WRITE_A_LIST}",
        )
    if file:
        python_project.check_sources(file.text, file.path, project.requirements)
    return Asked(files, requirements=project.requirements, own=own)


def _own(file: SourceFile) -> tuple[Own, ...]:
    return (Own(dirname(file.path), where=file.path),)


def _itself(path: str) -> str:
    return f"the project of {path} is not installed itself, as a {python_locks.PYLOCK} says all that is"
