"""A repository's apt.txt: names of Debian packages, as repo2docker reads them; options and paths are refused. Pure.

https://repo2docker.readthedocs.io/en/latest/configuration/system/ has the file: a list of packages, with comments.
"""

import re

from hubfleet.agent.environments.specification import Debian
from hubfleet.errors import BuildError

NAME = "apt.txt"
_PACKAGES_MAX = 500
# https://www.debian.org/doc/debian-policy/ch-controlfields.html, 5.6.1 and 5.6.12; a `-` at the end would remove
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]{0,98}[a-z0-9+.]", re.ASCII)
_VERSION = re.compile(r"[0-9][A-Za-z0-9.+:~-]{0,98}", re.ASCII)
_OTHERS = {
    "-": "options of apt cannot be given",
    "/": "a path or a release cannot be named",
    ":": "packages of another architecture cannot be had",
    "*": "each package has to be named in full",
    "?": "each package has to be named in full",
}


def parse(text: str, path: str) -> tuple[Debian, ...]:
    """Return the packages that a file asks for, each once.

    Args:
        text: the file's.
        path: in errors.

    Raises:
        BuildError: a word is no package's name; has the line.
    """
    found: dict[str, Debian] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        for word in raw.partition("#")[0].split():
            item = _package(word, f"line {number} of {path}")
            known = found.setdefault(item.name, item)
            if known.version and item.version and known.version != item.version:
                raise BuildError(
                    f"{item.where}: {item.name} is asked for in two versions", hint=f"the other is in {known.where}"
                )
            found[item.name] = known if known.version or not item.version else item
    if len(found) > _PACKAGES_MAX:
        raise BuildError(f"{path} names more than {_PACKAGES_MAX} packages", hint="name those that are used")
    return tuple(found.values())


def is_package(item: Debian) -> bool:
    """Say whether name and version are such as apt takes for nothing else."""
    return bool(_NAME.fullmatch(item.name) and (not item.version or _VERSION.fullmatch(item.version)))


def _package(word: str, where: str) -> Debian:
    name, equals, version = word.partition("=")
    item = Debian(name, version, where)
    if is_package(item) and bool(equals) == bool(version):
        return item
    why = next((said for sign, said in _OTHERS.items() if (word.startswith(sign) if sign == "-" else sign in name)), "")
    raise BuildError(
        f"{where}: {why or 'this is no name of a Debian package'}: {word[:80]!r}",
        hint="write names such as `graphviz`, or with a version, `graphviz=2.42.2-7`; commands go into postBuild",
    )
