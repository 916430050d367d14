"""What the editor shows of files that are there already, and of a lock; what it has no fields for is named. Pure.

Strangers wrote the files: an environment.yml is read line by line, in the form that the editor writes and no other.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from posixpath import basename

from hubfleet.portal.features.builds import drafts
from hubfleet.portal.features.builds.drafts import Draft, lines_of
from hubfleet.portal.features.builds.packages import DEBIAN, PYPI, packages

CHANNEL = "conda-forge"
_NAMES = frozenset({drafts.REQUIREMENTS, drafts.ENVIRONMENT, "environment.yaml", drafts.APT, drafts.POST_BUILD})
_PYTHON = re.compile(r"python *={1,2} *(?P<version>3\.\d+)(\.\*)?")
_ODD = re.compile(r"[-?:,\[\]{}#&*!|>'\"%@`]")


@dataclass(frozen=True)
class Copied:
    """A draft of something that is there."""

    draft: Draft
    beyond: tuple[str, ...] = ()
    """What the editor has no fields for."""


@dataclass
class _Plain:
    """An environment.yml of plain lists."""

    channels: list[str] = field(default_factory=list)
    conda: list[str] = field(default_factory=list)
    pip: list[str] = field(default_factory=list)


def copied(name: str, files: Mapping[str, str]) -> Copied:
    """Return files as the editor shows them.

    Args:
        name: of the copy.
        files: texts by their paths; those that an environment follows from.
    """
    draft, beyond = Draft(name=name), [path for path in files if basename(path) not in _NAMES]
    for path, text in files.items():
        unix = Draft.of({"pip": text}).pip
        match basename(path):
            case drafts.REQUIREMENTS:
                draft = replace(draft, pip=unix)
            case drafts.ENVIRONMENT | "environment.yaml":
                draft, odd = _of_environment(draft, unix)
                beyond += [f"{path}: {odd}"] if odd else []
            case drafts.APT:
                draft = replace(draft, apt=unix)
            case drafts.POST_BUILD:
                draft = replace(draft, script=unix.removeprefix(drafts.FIRST_LINES))
    if any(basename(path).startswith("environment.") for path in files):
        # repo2docker reads no list beside it
        beyond += [path for path in files if basename(path) == drafts.REQUIREMENTS]
    wrong = {what: why for what, why in drafts.wrong(draft).items() if what != "name" and draft.shown()[what]}
    return Copied(draft, (*beyond, *(f"{_file(what)}: {why}" for what, why in wrong.items())))


def of_lock(draft: Draft, lock: str) -> Draft:
    """Return a draft whose packages are those of a lock, each in its exact version."""
    found = packages(lock)
    pip = [f"{item.name}=={item.version}" for item in found if item.source == PYPI]
    conda = [
        f"{'' if item.source == CHANNEL else f'{item.source}::'}{item.name}={item.version}"
        for item in found
        if item.source not in {PYPI, DEBIAN}
    ]
    return replace(draft, python="", pip="\n".join(pip), conda="\n".join(conda))


def _of_environment(draft: Draft, text: str) -> tuple[Draft, str]:
    """Return a draft with what an environment.yml says, and what it says beyond the editor's fields."""
    plain = _plain(text)
    if plain is None:
        return draft, "it is more than plain lists"
    others = [name for name in plain.channels if name not in {CHANNEL, "nodefaults"}]
    versions = [found["version"] for line in plain.conda if (found := _PYTHON.fullmatch(line))]
    python = versions[0] if versions and versions[0] in drafts.PYTHONS else ""
    conda = [line for line in plain.conda if not (python and _PYTHON.fullmatch(line))]
    if plain.pip and "pip" in conda:
        # it is written anew
        conda.remove("pip")
    said = replace(draft, python=python, conda="\n".join(conda), pip="\n".join(plain.pip))
    return said, f"the channels {', '.join(others)}" if others else ""


def _plain(text: str) -> _Plain | None:
    """Return what an environment.yml of plain lists says; None: it is none."""
    found, section, pip_at = _Plain(), "", -1
    for depth, said in _entries(text):
        if not said.startswith("- "):
            key, _, value = said.partition(":")
            if depth or key not in {"name", "prefix", "channels", "dependencies"}:
                return None
            if (key in {"channels", "dependencies"}) == bool(value.strip()):
                return None
            section = "" if value.strip() else key
            pip_at = -1
            continue
        item = said[2:].strip()
        if section == "dependencies" and item == "pip:":
            pip_at = depth
            continue
        word = _word(item)
        if not section or not word:
            return None
        within = pip_at >= 0 and depth > pip_at
        pip_at = pip_at if within else -1
        (found.channels if section == "channels" else found.pip if within else found.conda).append(word)
    return found


def _entries(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines that say something: how far they are indented, and what they say."""
    lines = text.split("\n")
    for number, said in lines_of(text):
        raw = lines[number - 1]
        if said != "---":
            yield len(raw) - len(raw.lstrip(" ")), said


def _word(item: str) -> str:
    """Return an entry of a list without its quotes; empty: it is no plain text."""
    if item[:1] in {'"', "'"}:
        inside = item[1:-1]
        whole = len(item) > 1 and item[-1] == item[0] and item[0] not in inside and "\\" not in inside
        return inside if whole else ""
    return "" if _ODD.match(item) or ": " in item or item.endswith(":") else item


def _file(what: str) -> str:
    """Return which file a field is of."""
    return {"apt": drafts.APT, "script": drafts.POST_BUILD, "pip": drafts.REQUIREMENTS}.get(what, drafts.ENVIRONMENT)
