"""What portal and agent say to each other of files (agent API v1).

An archive that somebody brought in, a commit out; and the texts of a repository's files.
"""

from datetime import datetime
from typing import Annotated

from pydantic import Base64Bytes, Field

from hubfleet.model.base import Message
from hubfleet.model.content import REPOSITORY, WITHIN, Content

MAX_ARCHIVE_BYTES = 24_000_000
"""Of a zip archive that somebody brought, or that is made of a folder in a home."""
MAX_UNPACKED_BYTES = 200_000_000
MAX_FILES = 5_000


class GivenFiles(Message):
    """`PUT /v1/files`: what the archive in the request's body is; sent as the query."""

    hub: str
    """The hub's name; must be the caller's own."""
    repository: Annotated[str, Field(pattern=REPOSITORY, max_length=2000)]
    """The address by which builds and servers name these files; nothing is ever fetched from it."""
    title: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    """For people, as the message of the commit."""
    at: datetime
    """When they were brought: the date of the commit."""


class GivenAnswer(Message):
    """What has become of them."""

    commit: str
    """Full hash; the same files of the same time have the same one on each cluster."""
    left_out: list[str] = []
    """What is no plain file."""


class TextsRequest(Message):
    """`POST /v1/texts`: what some files of a repository say."""

    hub: str
    """The hub's name; must be the caller's own."""
    content: Content
    """The repository, at a commit."""
    paths: Annotated[list[Annotated[str, Field(pattern=WITHIN, max_length=1000)]], Field(max_length=50)]


class Texts(Message):
    """The answer."""

    files: dict[str, str]
    """By path; what is no text, too long or not there is left out."""


class HomeFolder(Message):
    """`POST /v1/homes/archive`: a folder of somebody's home."""

    hub: str
    """The hub's name; must be the caller's own."""
    person: str
    """JupyterHub's name of the person, for whom the portal answers."""
    path: Annotated[str, Field(pattern=WITHIN, min_length=1, max_length=1000)]
    """Below the home."""


class HomeArchive(Message):
    """The answer."""

    archive: Base64Bytes
    """A zip archive; the same files are the same bytes."""
    count: int
    """How many files it holds."""
    left_out: list[str] = []
    """What it does not hold, and why."""
