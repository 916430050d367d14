"""An environment that somebody writes by hand: its fields, what is wrong with them, and the files that say the same.

The files are a repository's, so that what is made here can be built elsewhere too. Pure.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields

from packaging.requirements import InvalidRequirement, Requirement

REQUIREMENTS = "requirements.txt"
ENVIRONMENT = "environment.yml"
APT = "apt.txt"
POST_BUILD = "postBuild"
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
"""Versions that conda-forge has; the cluster's own needs no conda."""
FIELD_MAX = 20_000
LINES_MAX = 500
FIRST_LINES = "#!/bin/bash\nset -e\n"
"""Before a script whose first line does not say what runs it: it ends at the first command that fails."""
_CHANNEL = r"(?:[A-Za-z0-9][\w.-]*::)?"
_CONDA = re.compile(rf"{_CHANNEL}(?P<name>[A-Za-z0-9_][\w.-]*)[\w.*<>=!~|,+()\s-]*", re.ASCII)
_DEBIAN = re.compile(r"[a-z0-9][a-z0-9+.-]*[a-z0-9+.](=[0-9][A-Za-z0-9.+:~-]*)?", re.ASCII)
_NAMES_OF_YAML = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
_CONTROL = re.compile(r"[^\S\n\t ]|[\x00-\x08\x0e-\x1f\x7f]")


@dataclass(frozen=True)
class Draft:
    """The fields of the editor, as they are shown."""

    name: str = ""
    python: str = ""
    """One of `PYTHONS`; empty: the cluster's own."""
    pip: str = ""
    """Lines as of a requirements.txt."""
    conda: str = ""
    """Lines as of an environment.yml's dependencies."""
    apt: str = ""
    """Debian packages, one a line."""
    script: str = ""
    """Runs once, on the environment."""

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "Draft":
        """Return what a form says, with the line ends of Unix."""
        return cls(**{item.name: _unix(given.get(item.name, "")) for item in fields(cls)})

    @property
    def of_conda(self) -> bool:
        """Whether it needs conda's channels."""
        return bool(self.python or any(lines_of(self.conda)))

    def shown(self) -> dict[str, str]:
        """Return its fields by name."""
        return asdict(self)


def wrong(draft: Draft) -> dict[str, str]:
    """Return what is wrong with a draft, by field: the first line that is, and why."""
    found = {name: _too_much(text) for name, text in draft.shown().items()}
    judged: tuple[tuple[str, str, Callable[[str], str]], ...] = (
        ("pip", draft.pip, no_requirement),
        ("conda", draft.conda, lambda line: no_conda(line, draft.python)),
        ("apt", draft.apt, no_debian),
    )
    for name, text, judge in judged:
        found[name] = found[name] or next(
            (f"line {number}: {why}" for number, line in lines_of(text) if (why := judge(line))), ""
        )
    if not draft.name.strip():
        found["name"] = "give it a name"
    if draft.python and draft.python not in PYTHONS:
        found["python"] = f"choose one of {', '.join(PYTHONS)}, or the cluster's own"
    if not any((draft.of_conda, any(lines_of(draft.pip)), any(lines_of(draft.apt)), draft.script.strip())):
        found["pip"] = found["pip"] or "name at least one package"
    return {name: why for name, why in found.items() if why}


def files(draft: Draft) -> dict[str, str]:
    """Return the files of a repository that asks for the same, of a draft with which nothing is wrong."""
    found: dict[str, str] = {}
    if draft.of_conda:
        found[ENVIRONMENT] = _environment(draft)
    elif any(lines_of(draft.pip)):
        found[REQUIREMENTS] = _ended(draft.pip)
    if any(lines_of(draft.apt)):
        found[APT] = _ended(draft.apt)
    if draft.script.strip():
        first = "" if draft.script.startswith("#!") else FIRST_LINES
        found[POST_BUILD] = first + _ended(draft.script)
    return found


def _environment(draft: Draft) -> str:
    packages = [line for _, line in lines_of(draft.conda)]
    named = {_conda_name(line) for line in packages}
    if draft.python:
        packages.insert(0, f"python={draft.python}")
    pip = [line for _, line in lines_of(draft.pip)]
    if pip and "pip" not in named:
        packages.append("pip")
    lines = ["channels:", "  - conda-forge", "dependencies:", *(f"  - {_scalar(line)}" for line in packages)]
    if pip:
        lines += ["  - pip:", *(f"      - {_scalar(line)}" for line in pip)]
    return "\n".join(lines) + "\n"


def _scalar(text: str) -> str:
    """Return a text as YAML reads it back: plain where that is sure to be a text."""
    plain = re.fullmatch(r"[A-Za-z][\w.-]*([<>=!~]=?[\w.*-]+)?", text, re.ASCII)
    return text if plain and text.lower() not in _NAMES_OF_YAML else json.dumps(text, ensure_ascii=False)


def lines_of(text: str) -> Iterator[tuple[int, str]]:
    """Yield a text's lines that say something, with their numbers; comments are cut off as pip cuts them."""
    for number, line in enumerate(text.split("\n"), 1):
        said = re.sub(r"(^|\s)#.*", "", line).strip()
        if said:
            yield number, said


def no_requirement(line: str) -> str:
    """Return why a line is no package of PyPI; empty: it is one."""
    if line.startswith("-"):
        return f"options such as {line.split(maxsplit=1)[0][:40]!r} cannot be given here: name packages"
    if line.endswith("\\") or "--hash" in line:
        return "hashes cannot be given here: versions are locked with theirs anyway"
    try:
        asked = Requirement(line)
    except InvalidRequirement:
        return f"{line[:80]!r} is no package; write a name and, if it matters, a version, such as numpy>=2"
    return f"{asked.name} cannot be had from an address: name its version" if asked.url else ""


def no_conda(line: str, python: str) -> str:
    """Return why a line is no conda package; empty: it is one."""
    if not _CONDA.fullmatch(line):
        return f"{line[:80]!r} is no conda package; write a name and, if it matters, a version, such as numpy=2.3"
    if python and _conda_name(line) == "python":
        return "the version of Python is chosen above already: leave this line out"
    return ""


def no_debian(line: str) -> str:
    """Return why a line holds no Debian packages; empty: it does."""
    odd = next((word for word in line.split() if not _DEBIAN.fullmatch(word)), "")
    return f"{odd[:80]!r} is no Debian package; write names such as graphviz" if odd else ""


def _conda_name(line: str) -> str:
    found = _CONDA.fullmatch(line)
    return found["name"].lower() if found else ""


def _too_much(text: str) -> str:
    if len(text) > FIELD_MAX:
        return f"this is longer than {FIELD_MAX:,} characters"
    if text.count("\n") > LINES_MAX:
        return f"these are more than {LINES_MAX} lines"
    return "leave out signs that cannot be seen" if _CONTROL.search(text) else ""


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _ended(text: str) -> str:
    return text if text.endswith("\n") else f"{text}\n"
