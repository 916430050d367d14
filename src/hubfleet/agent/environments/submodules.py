"""A repository's submodules: which addresses they may have, and their files beside the repository's own.

They are not fetched by `git submodule`, which does what a stranger's `.gitmodules` says: each is asked for like a
repository of its own, under the same rules, after its address was judged here.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from hubfleet.agent.environments.answers import Answer, Submodule
from hubfleet.errors import BuildError
from hubfleet.model.addresses import canonical

AT_MOST = 100
"""Submodules of a repository, theirs included."""
DEPTH_MAX = 5
"""How deep one may be in another."""
_NOT_TO_BE_HAD = r"could not read (Username|Password)|Authentication failed|HTTP.* (401|403|404)|error: (401|403|404)"
_NOT_TO_BE_HAD += r"|repository '.*' not found|not our ref|unadvertised object|couldn't find remote ref"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """A submodule that is to be checked out."""

    folder: Path
    """Where; it is there and empty."""
    address: str
    commit: str
    token: str
    bytes_before: int
    """Of all that belongs to the whole and was fetched before."""
    files_before: int


Fetch = Callable[[Wanted], Awaitable[Answer]]
"""Checks one out; answers with what failed where it cannot be had at all."""


@dataclass(frozen=True)
class Place:
    """A repository that may hold submodules."""

    folder: Path
    address: str
    path: str
    """Where it is in the whole; empty: it is the whole."""
    above: tuple[str, ...] = ()
    """Addresses of those that it is in."""


async def fetch_all(folder: Path, repository: str, answer: Answer, *, token: str, fetch: Fetch, say: Say) -> None:
    """Fetch what a repository's checked out commit names, and what that names.

    What nobody can have here (private, gone, or for ssh alone) is left out and named.

    Args:
        folder: where the repository's files are.
        repository: its address.
        answer: of its own checking out.
        token: for a private repository; goes to the same server only.
        fetch: checks one out.
        say: gets each step.

    Raises:
        BuildError: one leads where none may; names the line.
    """
    waiting = [(Place(folder, repository, ""), answer)]
    count = 0
    while waiting:
        place, known = waiting.pop(0)
        for found in known.submodules:
            count += 1
            if count > AT_MOST or len(place.above) >= DEPTH_MAX:
                what = f"more than {AT_MOST} submodules" if count > AT_MOST else f"submodules {DEPTH_MAX} deep"
                raise BuildError(f"{_where(place, found)}: {what}", hint="fetch them in a terminal")
            inner = await _one(place, found, answer, token=token, fetch=fetch, say=say)
            if inner is not None:
                answer = answer.model_copy(update={"size": answer.size + inner[1].size})
                answer = answer.model_copy(update={"count": answer.count + inner[1].count})
                waiting.append(inner)


async def _one(
    place: Place, found: Submodule, so_far: Answer, *, token: str, fetch: Fetch, say: Say
) -> tuple[Place, Answer] | None:
    path = f"{place.path}/{found.path}".lstrip("/")
    where = _where(place, found)
    if not found.url:
        say(f"{where}: no address for {path}, which is left out")
        return None
    address = address_of(place.address, found.url, where)
    if not address:
        say(f"{where}: {path} is left out, as builds fetch by https and hold no ssh key")
        return None
    if _plain(address) in {_plain(above) for above in (*place.above, place.address)}:
        raise BuildError(f"{where}: {path} holds itself", hint="a submodule cannot be what it is in")
    say(f"fetching the submodule {path}")
    inside = Place(place.folder / found.path, address, path, (*place.above, place.address))
    given = token if _server(address) == _server(place.above[0] if place.above else place.address) else ""
    try:
        answer = await fetch(Wanted(inside.folder, address, found.commit, given, so_far.size, so_far.count))
    except BuildError as error:
        raise BuildError(f"{where}: {error.message}", hint=error.hint) from error
    if answer.failed:
        say(f"{where}: {path} is left out, as {address} or this commit of it does not exist, or is private")
        return None
    return inside, answer


def not_to_be_had(answer: Answer) -> bool:
    """Say whether what failed will fail again: it does not exist, or its person may not have it."""
    return answer.failed == "moved" or re.search(_NOT_TO_BE_HAD, answer.detail, re.IGNORECASE) is not None


def address_of(parent: str, url: str, where: str) -> str:
    """Return the address that a submodule's means; empty: only ssh has it.

    Args:
        parent: address of the repository that names it.
        url: as it is written; may be relative, by git's rules (git-submodule(1), `add`).
        where: file and line.

    Raises:
        BuildError: it is none from which anything is fetched.
    """
    if url.startswith(("./", "../")):
        return _relative(parent, url, where)
    if re.match(r"ssh://|[\w.-]+@[\w.-]+:", url):
        try:
            return canonical(url)
        except ValueError:
            return ""
    # a protocol without encryption that hosts have given up
    wanted = re.sub(r"^git://", "https://", url)
    try:
        parts = urlsplit(wanted)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.password:
        raise BuildError(
            f"{where}: {url[:200]!r} is no address that a submodule may have",
            hint="it begins with https://, ./ or ../ and holds no password",
        )
    return wanted


def _relative(parent: str, url: str, where: str) -> str:
    """Return what `../other.git` means beside a repository; it stays on the same server."""
    parts = urlsplit(parent)
    path, rest = parts.path.rstrip("/").split("/"), url
    while rest.startswith(("./", "../")):
        if rest.startswith("../"):
            path = path[:-1]
        rest = rest.partition("/")[2]
    if not path or ".." in rest.split("/") or not rest:
        raise BuildError(
            f"{where}: {url[:200]!r} leads out of {parts.hostname}", hint="each ../ is one step up in the address"
        )
    return parts._replace(path="/".join([*path, rest]), query="", fragment="").geturl()


def _where(place: Place, found: Submodule) -> str:
    return f"{place.path}/.gitmodules:{found.line}".lstrip("/")


def _plain(address: str) -> str:
    return address.rstrip("/").removesuffix(".git").lower()


def _server(address: str) -> tuple[str, str, int | None]:
    parts = urlsplit(address)
    return parts.scheme, str(parts.hostname), parts.port
