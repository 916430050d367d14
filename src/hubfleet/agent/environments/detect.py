"""Which of a repository's files say what its environment is, in repo2docker's order of precedence.

Pure; it runs in the builder's sandbox, as all that it reads is strangers'.

https://repo2docker.readthedocs.io/en/latest/configuration/ has the files and their order.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from posixpath import basename, dirname, join, normpath

from hubfleet.agent.environments import environment_file, fetching, python_formats, python_locks, runtime_file, ways
from hubfleet.agent.environments.specification import REQUIREMENTS, Fetched, SourceFile, Specification
from hubfleet.errors import BuildError

NOT_YET = {
    "Dockerfile": "images from a Dockerfile",
    "conda-lock.yml": "the exact packages of conda-lock",
    "default.nix": "Nix expressions",
    "manifest.scm": "Guix manifests",
    "Project.toml": "Julia projects",
    "REQUIRE": "Julia requirements",
    "install.R": "R packages",
    "DESCRIPTION": "R packages",
    "apt.txt": "Debian packages",
}
"""What is right to have in a repository and cannot be honoured here yet, by file, in words for people."""
POST_BUILD = "postBuild"
"""Runs on what the others ask for, and is not read here."""
NAMES = (*environment_file.NAMES, *python_formats.NAMES, runtime_file.NAME, POST_BUILD, *NOT_YET)
"""All files to look for."""
_FROM_ELSEWHERE = re.compile(r"^\s*(?:-e|--editable|\.{0,2}/|\.\s*$|[\w.\[\],-]+\s*@\s|(?:git\+|hg\+|https?:|file:))")
_OPTION = re.compile(r"^\s*(-{1,2}[A-Za-z][\w-]*)")
_INCLUDES = ("-r", "-c", "--requirement", "--constraint")


@dataclass(frozen=True)
class Here:
    """The cluster, as far as it matters for what a file asks for."""

    python: str
    """The exact version of its Python."""
    channels: Mapping[str, str]
    """Allowed conda channels by name, and where they are."""
    known_channels: Sequence[str] = ()
    """Those whose packages PyPI's names are known for."""


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
    known = {file.path: file for file in fetched.files}
    # runtime.txt and all below do not count beside it, as with repo2docker
    conda = next((found[name] for name in environment_file.NAMES if name in found), None)
    if conda:
        return _of_conda(conda, known, here)
    runtime = found.get(runtime_file.NAME)
    until = runtime_file.parse(runtime.text, runtime.path, here.python) if runtime else ""
    asked = python_formats.asked(found, here.python, export)
    if not asked.files:
        return Specification(())
    first, *beside = asked.files
    files = [first]
    if basename(first.path) == REQUIREMENTS:
        files += _included(first, known)
        for file in files:
            _check(file.path, _lines(file.text))
    files += [*beside, *([runtime] if runtime else [])]
    return Specification(files, requirements=asked.requirements, locked=asked.locked, until=until, notes=asked.notes)


def _of_conda(first: SourceFile, known: Mapping[str, SourceFile], here: Here) -> Specification:
    files = [first, *_included(first, known)]
    for file in files[1:]:
        _check(file.path, _lines(file.text))
    said = environment_file.parse(first.text, first.path)
    _check(first.path, ((line.number, line.text) for line in said.pip))
    return Specification(files, ways.both(said, here.channels, here.known_channels, python=here.python))


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


def _check(path: str, lines: Iterable[tuple[int, str]]) -> None:
    """Refuse lines that lead outside the package index, which alone is asked here."""
    for number, line in lines:
        if _FROM_ELSEWHERE.match(line):
            raise BuildError(
                f"line {number} of {path}: packages that come from an address or the repository itself cannot be "
                "installed yet",
                hint=f"name a version from the package index instead of {line.strip()[:80]!r}",
            )
        option = _OPTION.match(line)
        if option and option[1] not in _INCLUDES and not line.strip().startswith(("-r", "-c")):
            raise BuildError(
                f"line {number} of {path}: the option {option[1]} cannot be honoured on this cluster",
                hint="the cluster's own package indexes are used; remove the line",
            )


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield logical lines without comments, with the number of their first line."""
    pending, first = "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = re.sub(r"(^|\s)#.*$", "", raw)
        first = first or number
        if line.endswith("\\"):
            pending += line[:-1]
            continue
        if (pending + line).strip():
            yield first, pending + line
        pending, first = "", 0
