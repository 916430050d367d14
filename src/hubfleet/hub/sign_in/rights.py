"""What follows from a hub's file for one person: their groups. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from hubfleet.model.hub import Hub


@dataclass(frozen=True)
class Rights:
    """Groups of a hub, and which of them may use it."""

    members: Mapping[str, frozenset[str]]
    """People by group, for groups whose members the file lists."""
    from_sign_in: frozenset[str]
    """Groups to which people belong when their sign-in says so."""
    allowed: frozenset[str]
    """Groups whose members may use the hub."""
    guests: bool = False
    """Whether there are temporary users beside those who sign in."""

    @classmethod
    def of(cls, hub: Hub) -> Self:
        """Read them from a hub."""
        return cls(
            members={name: frozenset(group.members) for name, group in hub.groups.items() if group.source == "members"},
            from_sign_in=frozenset(name for name, group in hub.groups.items() if group.source == "sign_in"),
            allowed=frozenset(hub.allow.groups),
            guests=bool(hub.features.builds and hub.features.builds.anonymous),
        )

    def groups_of(self, name: str, said: Iterable[str]) -> frozenset[str]:
        """Return a person's groups, out of the file and of what their sign-in said.

        A group that the file does not name is none, and what a sign-in says makes nobody a member of a group whose
        members the file lists.
        """
        listed = {group for group, members in self.members.items() if name in members}
        return frozenset(listed | (self.from_sign_in & frozenset(said)))

    def allow(self, groups: Iterable[str]) -> bool:
        """Say whether one of these groups may use the hub."""
        return not self.allowed.isdisjoint(groups)
