"""Layers of settings laid over each other, none of them forgotten.

Maps merge by key, lists and values replace, `null` removes what lies below it. A map that changes its tag (`with:`,
`kind:`) replaces the other whole: the keys of one kind of sign-in mean nothing to another.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from hubfleet._kit.yamlfile import Plain, Scalar, Tree
from hubfleet.errors import Where

Path = tuple[str, ...]

_TAGS = ("with", "kind")


@dataclass(frozen=True, slots=True)
class Setting:
    """A value, the layer that set it and where, and what it lies over (the nearest first)."""

    where: Where
    layer: str
    value: "Scalar | tuple[Setting, ...] | Mapping[str, Setting]"
    overrode: "tuple[Setting, ...]" = ()

    def at(self, path: Path) -> "Setting | None":
        """Return the setting at a path of keys (or list positions), or None."""
        found: Setting | None = self
        for part in path:
            if found is None:
                return None
            if isinstance(found.value, Mapping):
                found = found.value.get(part)
            elif isinstance(found.value, tuple) and part.isdecimal() and int(part) < len(found.value):
                found = found.value[int(part)]
            else:
                return None
        return found

    def nearest(self, path: Path) -> "Setting":
        """Return the setting at a path, or at the longest part of it that exists."""
        for length in range(len(path), 0, -1):
            found = self.at(path[:length])
            if found is not None:
                return found
        return self

    def plain(self) -> Plain:
        """Return the value alone, without what `null` removed."""
        if isinstance(self.value, tuple):
            return tuple(item.plain() for item in self.value)
        if isinstance(self.value, Mapping):
            return {key: item.plain() for key, item in self.value.items() if item.value is not None}
        return self.value

    def leaves(self, path: Path = ()) -> "Iterator[tuple[Path, Setting]]":
        """Go through all values that are no maps, with their paths."""
        if isinstance(self.value, Mapping) and self.value:
            for key, item in self.value.items():
                yield from item.leaves((*path, key))
        else:
            yield path, self

    def without(self, *keys: str) -> "Setting":
        """Return the same map without some keys."""
        assert isinstance(self.value, Mapping)
        return replace(self, value={key: item for key, item in self.value.items() if key not in keys})

    def having(self, key: str, item: "Setting") -> "Setting":
        """Return the same map with one more or other entry."""
        assert isinstance(self.value, Mapping)
        return replace(self, value={**self.value, key: item})


def layer(tree: Tree, name: str) -> Setting:
    """Name the layer of all values of a tree."""
    if isinstance(tree.value, tuple):
        return Setting(tree.where, name, tuple(layer(item, name) for item in tree.value))
    if isinstance(tree.value, Mapping):
        return Setting(tree.where, name, {key: layer(item, name) for key, item in tree.value.items()})
    return Setting(tree.where, name, tree.value)


def merge(below: Setting, above: Setting) -> Setting:
    """Lay one setting over another."""
    if not isinstance(below.value, Mapping) or not isinstance(above.value, Mapping) or _other_kind(below, above):
        return replace(above, overrode=(*above.overrode, replace(below, overrode=()), *below.overrode))
    merged = dict(below.value)
    for key, item in above.value.items():
        merged[key] = merge(merged[key], item) if key in merged else item
    return Setting(above.where, above.layer, merged)


def _other_kind(below: Setting, above: Setting) -> bool:
    for tag in _TAGS:
        old, new = below.at((tag,)), above.at((tag,))
        if new is not None and old is not None and new.value != old.value:
            return True
    return False
