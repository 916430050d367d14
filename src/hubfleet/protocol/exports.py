"""What portal and agent say to each other of exports (agent API v1): a lock in, files for other tools out."""

from enum import StrEnum

from hubfleet.model.base import Message
from hubfleet.model.content import Content


class ExportFormat(StrEnum):
    """What an environment can be taken away as."""

    REQUIREMENTS = "requirements.txt"
    """For pip and uv, with hashes."""
    PYLOCK = "pylock.toml"
    """https://packaging.python.org/en/latest/specifications/pylock-toml/"""
    ENVIRONMENT = "environment.yml"
    """For conda, mamba and pixi, with exact versions and builds."""
    CONTAINER = "container"
    """A Dockerfile, an Apptainer definition, and what they need."""


class ExportRequest(Message):
    """`POST /v1/exports`: one environment in another form."""

    lock: str
    """Canonical text."""
    format: ExportFormat
    content: Content | None = None
    """The repository's files that a container shall hold; None: none."""
    private: bool = False
    """Whether they cannot be fetched without a token; then they must lie beside the Dockerfile."""


class Export(Message):
    """Text files by their names."""

    files: dict[str, str]
