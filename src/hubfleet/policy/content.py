"""Which files a person asks for in a new server, and where they are to be. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from hubfleet.errors import ChoiceError
from hubfleet.model.content import Content
from hubfleet.model.hub import Hub
from hubfleet.model.repositories import taken

OWN, BESIDE, FRESH = "own", "beside", "fresh"
"""The person's lasting home, where an earlier copy is brought up to date or left alone with a new one beside it; or an
empty folder that goes when the server stops."""


@dataclass(frozen=True)
class Files:
    """What a server finds when it starts."""

    content: Content | None = None
    """A repository's files; None: what is in the home already."""
    beside: bool = False
    """Whether an earlier copy is left alone."""
    fresh_home: bool = False
    """Whether its home is empty and goes when it stops."""


def files(hub: Hub, asked: Mapping[str, object], *, guest: bool = False) -> Files:
    """Return which files a person asks for, by `content` (a map as of `Content`) and `home` (`own`, `beside`, `fresh`).

    A guest has no lasting home.

    Raises:
        ChoiceError: which field is wrong, and why.
    """
    home = asked.get("home", FRESH if guest else OWN)
    if home not in {OWN, BESIDE, FRESH}:
        raise ChoiceError("home", f"there is no home {str(home)[:60]!r}", hint=f"choose {OWN}, {BESIDE} or {FRESH}")
    if guest and home != FRESH:
        raise ChoiceError("home", "a temporary user has no lasting home", hint=f"choose {FRESH}")
    return Files(_content(hub, asked.get("content")), beside=home == BESIDE, fresh_home=home == FRESH)


def _content(hub: Hub, asked: object) -> Content | None:
    if asked is None:
        return None
    if not hub.features.builds:
        raise ChoiceError("content", "servers of this hub start without a repository's files")
    builds = hub.features.builds
    try:
        content = Content.model_validate(asked)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in ("content", *first["loc"]))
        raise ChoiceError(field, first["msg"].removeprefix("Value error, ")) from error
    if not taken(content.repository, only=builds.repositories, never=builds.blocked_repositories):
        raise ChoiceError("content", "this hub does not take this repository", hint="ask its admins")
    return content
