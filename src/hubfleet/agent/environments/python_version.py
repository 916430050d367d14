"""Whether the cluster's Python is one that a repository asks for. Pure."""

import re

from packaging.markers import Environment, Marker, default_environment
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from hubfleet.errors import BuildError

_OTHER = "an environment.yml may name any version, such as `python=3.12`"


def check(asked: str, python: str, said_by: str) -> None:
    """Refuse another Python than the cluster's.

    Args:
        asked: versions, such as `>=3.10`; empty: any.
        python: the exact version of the cluster's.
        said_by: file and key.

    Raises:
        BuildError: the cluster's is none of them.
    """
    try:
        fits = SpecifierSet(asked).contains(python, prereleases=True)
    except InvalidSpecifier as error:
        raise BuildError(f"{said_by}: {asked[:80]!r} are no versions of Python", hint="such as '>=3.10'") from error
    if not fits:
        raise BuildError(
            f"{said_by} asks for Python {asked}, and this cluster's is {python}", hint=f"allow {python}, or {_OTHER}"
        )


def check_exact(asked: str, python: str, said_by: str) -> None:
    """Refuse another Python than the cluster's.

    Args:
        asked: a version or its beginning, such as `3.11`.
        python: the exact version of the cluster's.
        said_by: file and line, or key.

    Raises:
        BuildError: the cluster's does not begin so.
    """
    if not re.fullmatch(r"\d+(\.\d+){0,2}", asked):
        raise BuildError(f"{said_by}: {asked[:80]!r} is no version of Python", hint="such as 3.11")
    if not SpecifierSet(f"=={asked}.*").contains(python, prereleases=True):
        minor = ".".join(python.split(".")[:2])
        raise BuildError(
            f"{said_by} asks for Python {asked}, and this cluster's is {python}", hint=f"write {minor}, or {_OTHER}"
        )


def environment(python: str) -> Environment:
    """Return what markers mean on this machine with the cluster's Python."""
    found = default_environment()
    found["python_version"] = ".".join(python.split(".")[:2])
    found["python_full_version"] = found["implementation_version"] = python
    return found


def holds(marker: str, python: str, extras: frozenset[str] = frozenset()) -> bool:
    """Say whether a marker holds here, with one of some extras or with none.

    Raises:
        InvalidMarker: it is none.
    """
    if not marker:
        return True
    known = Marker(marker)
    here = {name: str(value) for name, value in environment(python).items()}
    return any(known.evaluate({**here, "extra": extra}) for extra in extras or {""})


def satisfies(version: str, constraint: str) -> bool:
    """Say whether a version is one that Poetry's language of constraints allows (`^1.2`, `~1.2`, `>=1,<2 || 3.*`).

    https://python-poetry.org/docs/dependency-specification/#version-constraints
    """
    try:
        return any(
            all(_one(version, part) for part in re.split(r"\s*,\s*|\s+(?=[\^~<>=!])", way.strip()) if part)
            for way in re.split(r"\|\|?", constraint)
        )
    except (InvalidSpecifier, InvalidVersion):
        return False


def _one(version: str, part: str) -> bool:
    operator, text = re.fullmatch(r"(\^|~(?!=)|[<>=!~]*)\s*(.*)", part, re.DOTALL).groups()  # type: ignore[union-attr]
    if text == "*":
        return True
    if operator in {"^", "~"}:
        numbers = Version(text).release
        kept = _caret(numbers) if operator == "^" else min(len(numbers), 2)
        below = ".".join(map(str, [*numbers[: kept - 1], numbers[kept - 1] + 1]))
        return SpecifierSet(f">={text},<{below}").contains(version, prereleases=True)
    return SpecifierSet(f"{operator if operator not in {'', '='} else '=='}{text}").contains(version, prereleases=True)


def _caret(numbers: tuple[int, ...]) -> int:
    """Return how many of a version's numbers `^` keeps, the last of them raised: up to the first that is not 0."""
    return next((index for index, number in enumerate(numbers, 1) if number), len(numbers))
