"""A repository's files at a commit, of which a server gets a copy."""

import re
from typing import Annotated

from pydantic import Field

from hubfleet.model.addresses import name_of
from hubfleet.model.base import Message

_KEY = r"^$|^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


_CONTROL = r"\x00-\x1f\x7f"
REPOSITORY = r"^https?://([A-Za-z0-9._-]*[A-Za-z0-9]|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/?#][^\s\x00-\x1f\x7f\x85]*)?$"
"""An address without a user's name or password; letters beyond ASCII are written as `xn--…` in a host's name."""
_NAME = rf"([^/.{_CONTROL}][^/{_CONTROL}]*|\.([^/.{_CONTROL}][^/{_CONTROL}]*)?|\.\.[^/{_CONTROL}]+)"
WITHIN = rf"^({_NAME}(/{_NAME}?)*)?$"
"""A path that leads nowhere else: each name but `..`, and no name before the first slash is empty."""


class Content(Message):
    """Files that a server finds in a folder of its home."""

    repository: Annotated[str, Field(pattern=REPOSITORY, max_length=2000)]
    """Address of a git repository."""
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    """Full hash."""
    key: Annotated[str, Field(pattern=_KEY)] = ""
    """Of a private repository's files: what only those know who fetched them; empty: anybody may have them."""
    open: Annotated[str, Field(pattern=WITHIN, max_length=1000)] = ""
    """Path in the repository that the person shall see first; empty: its folder."""

    @property
    def folder(self) -> str:
        """What the folder of a copy is called: the repository's own name, fit for any file system."""
        return re.sub(r"[^\w.-]+", "-", name_of(self.repository), flags=re.ASCII).strip(".-")[:60] or "repository"
