"""Which of a repository's files say what its environment is, in repo2docker's order of precedence.

Pure; it runs in the builder's sandbox, as all that it reads is strangers'.

https://repo2docker.readthedocs.io/en/latest/configuration/ has the files and their order.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from posixpath import basename, dirname, join, normpath

from hubfleet.agent.environments import (
    apt_file,
    conda_lock,
    environment_file,
    fetching,
    locks,
    own_lines,
    python_formats,
    python_locks,
    runtime_file,
    ways,
)
from hubfleet.agent.environments.specification import REQUIREMENTS, Blank, Fetched, Own, SourceFile, Specification
from hubfleet.errors import BuildError

NOT_YET = {
    "Dockerfile": "images from a Dockerfile",
    "default.nix": "Nix expressions",
    "manifest.scm": "Guix manifests",
    "Project.toml": "Julia projects",
    "REQUIRE": "Julia requirements",
    "install.R": "R packages",
    "DESCRIPTION": "R packages",
}
"""What is right to have in a repository and cannot be honoured here yet, by file, in words for people."""
POST_BUILD = "postBuild"
"""Runs on what the others ask for, and is not read here."""
NAMES = (
    *conda_lock.NAMES,
    *environment_file.NAMES,
    *python_formats.NAMES,
    runtime_file.NAME,
    apt_file.NAME,
    POST_BUILD,
    *NOT_YET,
)
"""All files to look for."""
_OPTION = re.compile(r"^\s*(-{1,2}[A-Za-z][\w-]*)")
_OPTIONS = ("-r", "-c", "--requirement", "--constraint", "-e", "--editable")


@dataclass(frozen=True)
class Here:
    """The cluster, as far as it matters for what a file asks for."""

    python: str
    """The exact version of its Python."""
    channels: Mapping[str, str]
    """Allowed conda channels by name, and where they are."""
    known_channels: Sequence[str] = ()
    """Those whose packages PyPI's names are known for."""
    platform: str = "linux-64"
    """Conda's name of its machines."""


def specification(fetched: Fetched, here: Here, export: python_locks.Export) -> Specification:
    """Return what a repository's environment follows from.

    Args:
        fetched: its files.
        here: the cluster.
        export: for a uv.lock.

    Raises:
        BuildError: it asks for what cannot be honoured here; names the file.
    """
    found = {basename(file.path): file for file in fetched.files if not file.included}
    for name, what in NOT_YET.items():
        if name in found:
            raise BuildError(
                f"{what}, which {found[name].path} asks for, cannot be had on this cluster yet",
                hint="packages that an environment.yml or a requirements.txt names can be installed",
            )
    apt = found.get(apt_file.NAME)
    told = _of_packages(fetched, found, here, export)
    return replace(told, files=[*told.files, apt], debian=apt_file.parse(apt.text, apt.path)) if apt else told


def _of_packages(
    fetched: Fetched, found: Mapping[str, SourceFile], here: Here, export: python_locks.Export
) -> Specification:
    """Return what follows from the lists of packages, Debian's apart."""
    known = {file.path: file for file in fetched.files}
    exact = [name for name in conda_lock.NAMES if name in found]
    if exact:
        # one for these machines, where each kind of machine has a file of its own
        mine = next((name for name in exact if here.platform in name or name.startswith("conda-lock.")), exact[0])
        return _of_conda_lock(found[mine], here)
    # runtime.txt and all below do not count beside it, as with repo2docker
    conda = next((found[name] for name in environment_file.NAMES if name in found), None)
    if conda:
        return _of_conda(conda, known, here, fetched.repository)
    runtime = found.get(runtime_file.NAME)
    until = runtime_file.parse(runtime.text, runtime.path, here.python) if runtime else ""
    asked = python_formats.asked(found, here.python, export)
    if not asked.files:
        return Specification(())
    first, *beside = asked.files
    files = [first]
    own = _Own(fetched.repository, [*asked.own], notes=[*asked.notes])
    if basename(first.path) == REQUIREMENTS:
        files += _included(first, known)
        for file in files:
            own.of_list(file, ("", dirname(file.path)))
    files += [*beside, *([runtime] if runtime else [])]
    told = Specification(files, requirements=asked.requirements, locked=asked.locked, until=until)
    return own.added(told)


def _of_conda_lock(file: SourceFile, here: Here) -> Specification:
    said = conda_lock.parse(file.text, file.path, here.platform)
    return Specification([file], ways.exact(said, here.channels))


def _of_conda(first: SourceFile, known: Mapping[str, SourceFile], here: Here, repository: str) -> Specification:
    files = [first, *_included(first, known)]
    own, folders = _Own(repository), (dirname(first.path),)
    for file in files[1:]:
        own.of_list(file, folders)
    said = environment_file.parse(first.text, first.path)
    pip = [line for line in said.pip if not own.takes(first.path, line.number, line.text, folders)]
    said = replace(said, pip=pip)
    return own.added(Specification(files, ways.both(said, here.channels, here.known_channels, python=here.python)))


@dataclass
class _Own:
    """What lists of packages ask for of the repository itself."""

    repository: str
    found: list[Own] = field(default_factory=list)
    blank: list[Blank] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def of_list(self, file: SourceFile, folders: tuple[str, ...]) -> None:
        """Read a list, whose other lines are left to the resolver."""
        for first, last, text in _lines(file.text):
            if self.takes(file.path, first, text, folders):
                self.blank += [Blank(file.path, number) for number in range(first, last + 1)]

    def takes(self, path: str, number: int, line: str, folders: tuple[str, ...]) -> bool:
        """Say whether a line asks for what is here; refuse those that lead outside the package index otherwise."""
        _check(path, number, line)
        taken = own_lines.parse(line, f"line {number} of {path}", folders, self.repository)
        if taken is None:
            return False
        self.found.append(taken[0])
        self.notes += filter(None, (taken[1],))
        return True

    def added(self, told: Specification) -> Specification:
        """Return a specification with what was found, each folder once."""
        by_folder: dict[str, Own] = {}
        for item in self.found:
            known = by_folder.get(item.folder, item)
            by_folder[item.folder] = replace(known, extras=tuple(sorted({*known.extras, *item.extras})))
        if len(by_folder) > locks.OWN_MAX:
            raise BuildError(f"more than {locks.OWN_MAX} packages of the repository itself are asked for")
        return replace(told, own=tuple(by_folder.values()), blank=tuple(self.blank), notes=tuple(self.notes))


def _included(first: SourceFile, known: Mapping[str, SourceFile]) -> list[SourceFile]:
    """Return what a file includes, and what those files do."""
    found: dict[str, SourceFile] = {}
    waiting = [first]
    while waiting:
        file = waiting.pop(0)
        for name in fetching.includes(file.path, file.text):
            path = normpath(join(dirname(file.path), name))
            if path in known and path not in found and path != first.path:
                found[path] = known[path]
                waiting.append(known[path])
    return list(found.values())


def _check(path: str, number: int, line: str) -> None:
    """Refuse options, which could lead outside the package index."""
    option = _OPTION.match(line)
    if option and option[1] not in _OPTIONS and not line.strip().startswith(("-r", "-c")):
        raise BuildError(
            f"line {number} of {path}: the option {option[1]} cannot be honoured on this cluster",
            hint="the cluster's own package indexes are used; remove the line",
        )


def _lines(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield logical lines without comments, with the numbers of their first and last line."""
    pending, first = "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = re.sub(r"(^|\s)#.*$", "", raw)
        first = first or number
        if line.endswith("\\"):
            pending += line[:-1]
            continue
        if (pending + line).strip():
            yield first, number, pending + line
        pending, first = "", 0
