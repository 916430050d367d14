"""Where each value of a hub comes from: file and line, preset or default, and what it overrode."""

from collections.abc import Mapping
from dataclasses import dataclass

from hubfleet._kit.yamlfile import Plain
from hubfleet.config.merge import Path, Setting
from hubfleet.errors import UnknownNameError, Where
from hubfleet.model.hub import Hub, HubFile

BUILT_IN = "built-in default"
DERIVED = "derived"


@dataclass(frozen=True)
class Origin:
    """Who set a value."""

    where: Where | None
    """File and line; None for built-in defaults and what is derived."""
    layer: str
    """`hub`, `fleet`, `preset NAME`, `staging`, `built-in default`, or `derived` from other values."""
    value: Plain
    """The value as it was written there."""
    overrode: "tuple[Origin, ...]" = ()
    """What it took the place of, the nearest first."""


class Provenance:
    """Answers where values of a fleet's hubs come from."""

    def __init__(self, trees: Mapping[str, Setting], hubs: Mapping[str, Hub]) -> None:
        self._trees = trees
        self._hubs = hubs
        self._shown: dict[str, dict[str, Plain]] = {}

    def origin(self, hub: str, key_path: tuple[str, ...]) -> Origin:
        """Return where the value at a path of keys comes from; a map comes from the highest layer that added to it.

        Raises:
            UnknownNameError: there is no such hub, or no such key in it.
        """
        if hub not in self._hubs:
            raise UnknownNameError("hub", hub, self._hubs)
        setting = self._trees[hub].at(key_path)
        if setting is not None and setting.value is not None:
            return _origin(setting)
        value = self._default(hub, key_path)
        removed = (_origin(setting), *_origin(setting).overrode) if setting is not None else ()
        derived = len(key_path) == 1 and value != HubFile.model_fields.get(key_path[0], _Absent).default
        return Origin(None, DERIVED if derived else BUILT_IN, value, removed)

    def path(self, hub: str, dotted: str) -> tuple[str, ...]:
        """Return the path of keys that is written with dots between them; a key may hold dots itself.

        Raises:
            UnknownNameError: there is no such hub.
        """
        self.origin(hub, ())
        leaves = _leaves(self._complete(hub))
        known = {".".join(leaf[:length]): leaf[:length] for leaf in leaves for length in range(len(leaf) + 1)}
        return known.get(dotted, tuple(dotted.split(".")))

    def where(self, hub: str, key_path: tuple[str, ...]) -> Where:
        """Return the line of a value, or of the nearest thing that was written around it."""
        return self._trees[hub].nearest(key_path).where

    def all_origins(self, hub: str) -> dict[tuple[str, ...], Origin]:
        """Return the origin of each value of a hub that is no map, built-in defaults included."""
        self.origin(hub, ())
        paths = dict.fromkeys(_leaves(self._complete(hub)))
        return {path: self.origin(hub, path) for path in paths}

    def _complete(self, hub: str) -> dict[str, Plain]:
        if hub not in self._shown:
            self._shown[hub] = _shown(self._hubs[hub])
        return self._shown[hub]

    def _default(self, hub: str, key_path: Path) -> Plain:
        value: Plain = self._complete(hub)
        for number, part in enumerate(key_path):
            if isinstance(value, tuple) and part.isdecimal() and int(part) < len(value):
                value = value[int(part)]
            elif isinstance(value, dict) and part in value:
                value = value[part]
            else:
                known = value if isinstance(value, dict) else ()
                raise UnknownNameError("key", ".".join(key_path[: number + 1]), known)
        return value


class _Absent:
    default = object()


def _origin(setting: Setting) -> Origin:
    return Origin(setting.where, setting.layer, setting.plain(), tuple(_origin(below) for below in setting.overrode))


def _shown(hub: Hub) -> dict[str, Plain]:
    return {key: _tuples(value) for key, value in hub.model_dump(by_alias=True).items()}


def _tuples(value: object) -> Plain:
    if isinstance(value, Mapping):
        return {str(key): _tuples(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_tuples(item) for item in value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _leaves(value: Plain, path: Path = ()) -> list[Path]:
    if isinstance(value, dict) and value:
        return [leaf for key, item in value.items() for leaf in _leaves(item, (*path, key))]
    return [path]
