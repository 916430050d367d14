"""Which repositories a hub takes: patterns of addresses. Pure.

An address that could be spelled in another way to the same end matches no pattern and counts as blocked, so that no
spelling passes by a list.
"""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator

from hubfleet.model.text import wrong

_PORTS = {"http": ":80", "https": ":443"}
_ODD = re.compile(r"[%\\?#@;\s]|//|/\.{1,2}(/|$)")


def _pattern(text: str) -> str:
    if not re.fullmatch(r"https?://[a-z0-9.*:\[\]-]+/[^\s?#@%\\]*", text) or "**" in text:
        raise wrong(
            f"{text[:60]!r} is no pattern of repositories", "such as https://github.com/ORGANIZATION/*, in full"
        )
    return text


RepositoryPattern: TypeAlias = Annotated[str, AfterValidator(_pattern)]
"""An address of git repositories in which `*` stands for any signs of the host, or of the path."""


def taken(repository: str, *, only: Iterable[str] = (), never: Iterable[str] = ()) -> bool:
    """Say whether a hub takes a repository.

    Args:
        repository: its address.
        only: patterns of which one has to fit; none: any repository will do.
        never: patterns of which none may fit, in capitals or not.
    """
    only, never = tuple(only), tuple(never)
    if not only and not never:
        return True
    parts = _parts(repository)
    if parts is None:
        return False
    if any(_fits(tuple(part.lower() for part in parts), pattern.lower()) for pattern in never):
        return False
    return not only or any(_fits(parts, pattern) for pattern in only)


def same(repository: str) -> str:
    """Return what two spellings of one repository's address have in common."""
    parts = _parts(repository)
    return repository if parts is None else "".join(parts).lower()


def _parts(address: str) -> tuple[str, ...] | None:
    """Return scheme, host and path in their plainest form; None: it is an odd address."""
    scheme, _, rest = address.partition("://")
    if _ODD.search(rest):
        return None
    split = urlsplit(address)
    host = split.netloc.lower().removesuffix(_PORTS.get(split.scheme, ""))
    return f"{scheme.lower()}://", host.rstrip("."), split.path.rstrip("/").removesuffix(".git")


def _fits(parts: tuple[str, ...], pattern: str) -> bool:
    scheme, _, rest = pattern.partition("://")
    host, _, path = rest.partition("/")
    host = host.removesuffix(_PORTS.get(scheme, ""))
    path = f"/{path}".rstrip("/").removesuffix(".git")
    return parts[0] == f"{scheme}://" and _match(parts[1], host) and _match(parts[2], path)


def _match(text: str, pattern: str) -> bool:
    # only `*` is special in patterns here
    return fnmatchcase(text, pattern.replace("[", "[[]").replace("?", "[?]"))
