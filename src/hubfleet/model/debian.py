"""Where Debian packages for environments are from, where it is not what the machine's own apt asks."""

from typing import Annotated

from pydantic import Field

from hubfleet.model.base import StrictModel

_WORD = r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$"


class DebianMirror(StrictModel):
    """One archive, or a mirror of it, with what apt takes of it."""

    address: Annotated[str, Field(max_length=500, pattern=r"^https?://[^\s?#@]+$")]
    """Such as https://deb.debian.org/debian; without a password."""
    suites: Annotated[tuple[Annotated[str, Field(pattern=_WORD)], ...], Field(min_length=1)]
    """Such as bookworm and bookworm-updates; of the release that the machine itself has."""
    components: tuple[Annotated[str, Field(pattern=_WORD)], ...] = ("main",)
    """Such as main, contrib and non-free."""
    key: Annotated[str, Field(max_length=500, pattern=r"^(/[^\s]+)?$")] = ""
    """File on the machine with the keys that sign it, which everybody may read; empty: the distribution's own."""
