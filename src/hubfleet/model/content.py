"""A repository's files at a commit, of which a server gets a copy."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from hubfleet.model.addresses import name_of
from hubfleet.model.base import Message

_KEY = r"^$|^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


def _address(value: str) -> str:
    parts = urlsplit(value)
    if len(value) > 2000 or parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise ValueError("it is not the address of a git repository, such as https://HOST/PATH")
    if re.search(r"[\s\x00-\x1f\x7f]", value):
        raise ValueError("an address has no blanks")
    return value


def _within(value: str) -> str:
    if len(value) > 1000 or value.startswith("/") or ".." in value.split("/") or re.search(r"[\x00-\x1f\x7f]", value):
        raise ValueError("it is no path within the repository")
    return value


class Content(Message):
    """Files that a server finds in a folder of its home."""

    repository: Annotated[str, AfterValidator(_address)]
    """Address of a git repository."""
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    """Full hash."""
    key: Annotated[str, Field(pattern=_KEY)] = ""
    """Of a private repository's files: what only those know who fetched them; empty: anybody may have them."""
    open: Annotated[str, AfterValidator(_within)] = ""
    """Path in the repository that the person shall see first; empty: its folder."""

    @property
    def folder(self) -> str:
        """What the folder of a copy is called: the repository's own name, fit for any file system."""
        return re.sub(r"[^\w.-]+", "-", name_of(self.repository), flags=re.ASCII).strip(".-")[:60] or "repository"
