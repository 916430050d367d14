"""Conda's match specifications as PyPI's tools write versions (PEP 440). Pure.

https://docs.conda.io/projects/conda-build/en/stable/resources/package-spec.html#package-match-specifications has the
three forms: `numpy>=1.2,<2`, `numpy=1.26` (all that begin so), and name, version and build with `=` or spaces between
them, where the version is exact. A build has no counterpart at PyPI.
"""

import re
from dataclasses import dataclass

from packaging.specifiers import InvalidSpecifier, SpecifierSet

_SPEC = re.compile(r"(?P<name>[A-Za-z0-9_][\w.-]*)\s*(?P<rest>.*)", re.ASCII)
_VERSION_AND_BUILD = re.compile(r"(?P<version>.+?)(?:(?<![=!|,<>~])[ =](?P<build>[^-=,|<>~ ]+))?")
_CLAUSE = re.compile(r"(?P<operator>==|!=|~=|>=|<=|=|>|<|)(?P<version>[A-Za-z0-9_.+!]+?)(?P<all>\.?\*)?", re.ASCII)


class NoCounterpartError(ValueError):
    """A specification that PEP 440 has no words for; its text says which, in words for people."""


@dataclass(frozen=True)
class MatchSpec:
    """One package of conda and the versions that are asked for."""

    name: str
    """In lower case."""
    versions: tuple[str, ...]
    """Specifiers such as `>=1.2,<2`, of which one has to fit; one that is empty: any version."""
    build: str = ""
    """What it says of builds; empty: nothing."""

    @property
    def requirement(self) -> str:
        """Return the specifier.

        Raises:
            NoCounterpartError: there are several, and PyPI's tools know no `or`.
        """
        if len(self.versions) > 1:
            raise NoCounterpartError("versions with | have no counterpart at PyPI")
        return self.versions[0]


def parse(spec: str) -> MatchSpec:
    """Read a specification without its channel.

    Raises:
        NoCounterpartError: it is none, or PEP 440 has no words for it.
    """
    found = _SPEC.fullmatch(spec.strip())
    if not found:
        raise NoCounterpartError("this is no conda package")
    rest = re.sub(r"\s*([,|])\s*", r"\1", found["rest"].strip())
    rest = re.sub(r"([=<>!~])\s+", r"\1", rest)
    name = found["name"].lower()
    split = _VERSION_AND_BUILD.fullmatch(rest)
    if not rest:
        return MatchSpec(name, ("",))
    if split is None:
        raise NoCounterpartError(f"{rest[:40]!r} is no version")
    build = split["build"] or ""
    return MatchSpec(name, _alternatives(split["version"], exact=bool(build)), "" if build == "*" else build)


def _alternatives(version: str, *, exact: bool) -> tuple[str, ...]:
    """Return PEP 440's specifiers; `=1.2` is exact where a build follows it."""
    if exact and version.startswith("=") and not version.startswith("=="):
        version = version[1:]
    every = [",".join(filter(None, map(_clause, part.split(",")))) for part in version.split("|")]
    return ("",) if "" in every else tuple(every)


def _clause(clause: str) -> str:
    """Return one clause; empty: any version fits it."""
    if re.fullmatch(r"={0,2}\*", clause):
        return ""
    found = _CLAUSE.fullmatch(clause)
    if not found:
        raise NoCounterpartError(f"{clause[:40]!r} is no version")
    operator, version, prefix = found["operator"], found["version"], bool(found["all"])
    if operator == "=" or (operator in {"", "=="} and prefix):
        written = f"=={version}.*"
    elif operator == "!=" and prefix:
        written = f"!={version}.*"
    elif operator == ">" and prefix:
        # as rattler reads it, by whom it is chosen where channels answer
        written = f">={version}"
    else:
        written = f"{operator or '=='}{version}"
    try:
        SpecifierSet(written)
    except InvalidSpecifier:
        raise NoCounterpartError(f"the version {clause[:40]!r} has no counterpart at PyPI") from None
    return written
