"""With whom a person shares something of theirs, as one word: `nobody`, `everybody` or `group:NAME`. Pure."""

from collections.abc import Collection

NOBODY = "nobody"
EVERYBODY = "everybody"
"""All people of the hub."""
_GROUP = "group:"


def with_group(group: str) -> str:
    """Return the word for a group."""
    return f"{_GROUP}{group}"


def group_of(shared_with: str) -> str:
    """Return the group that a word names; empty: none."""
    return shared_with.removeprefix(_GROUP) if shared_with.startswith(_GROUP) else ""


def reaches(shared_with: str, groups: Collection[str]) -> bool:
    """Say whether something is shared with who is in these groups."""
    return shared_with == EVERYBODY or group_of(shared_with) in groups
