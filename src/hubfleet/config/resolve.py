"""Files -> drafts: which layers make a hub, and its staging twin."""

from collections.abc import Mapping

from hubfleet._kit.names import closest, is_label
from hubfleet._kit.yamlfile import Tree
from hubfleet.config import support
from hubfleet.config.draft import Draft, draft
from hubfleet.config.merge import Setting, layer, merge
from hubfleet.config.sources import Sources, builtin_presets
from hubfleet.errors import BadValueError, ConfigError, UnknownNameError, Where
from hubfleet.model.cluster import ClusterFile
from hubfleet.model.fleet import FleetFile, PresetFile
from hubfleet.model.hub import HubFile

TWIN_SUFFIX = "-staging"


class Presets:
    """Presets by name, each merged with what it extends, once."""

    def __init__(self, sources: Sources) -> None:
        self.errors: list[ConfigError] = []
        self._own = sources.presets
        self._unreadable = {name for folder, name in sources.unreadable if folder == "presets"}
        self._merged: dict[str, Setting | None] = {}
        for name, tree in self._own.items():
            if name in builtin_presets():
                self.errors.append(
                    BadValueError(
                        f"the preset {name!r} is built in",
                        hint=f"choose another name and write `extends: {name}`",
                        where=Where(tree.where.file, 1),
                    )
                )

    def check(self) -> None:
        """Check the fleet's own presets by themselves, used or not."""
        for name, tree in self._own.items():
            alone = draft(name, layer(tree, _layer_name(name)), PresetFile, support.HUB, PresetFile())
            self.errors += alone.errors
            self.chain(name, tree.where)

    def chain(self, name: str, where: Where, above: tuple[str, ...] = ()) -> Setting | None:
        """Return a preset merged with those that it extends, without the keys that say so, or None if there is none."""
        if name in above:
            cycle = " -> ".join((*above[above.index(name) :], name))
            self.errors.append(BadValueError(f"presets extend each other: {cycle}", hint="cut the circle", where=where))
            return None
        if name not in self._merged:
            tree = self._find(name, where)
            self._merged[name] = self._merge(name, tree, above) if tree else None
        return self._merged[name]

    def _merge(self, name: str, tree: Tree, above: tuple[str, ...]) -> Setting:
        setting = layer(tree, _layer_name(name))
        extends = setting.at(("extends",))
        own = setting.without("extends", "preset")
        if extends is None or not isinstance(extends.value, str):
            return own
        below = self.chain(extends.value, extends.where, (*above, name))
        return merge(below, own) if below else own

    def _find(self, name: str, where: Where) -> Tree | None:
        found = builtin_presets().get(name) or self._own.get(name)
        if found is None and name not in self._unreadable:
            self.errors.append(unknown("preset", name, {*builtin_presets(), *self._own}, where))
        return found


def unknown(kind: str, name: str, known: set[str], where: Where | None = None) -> UnknownNameError:
    """Make the error for a name that points at nothing, with the name that was probably meant."""
    error = UnknownNameError(kind, name, known, where=where)
    meant = closest(name, known)
    if meant:
        error.hint = f"did you mean {meant!r}? {error.hint}"
    return error


def fleet_draft(sources: Sources) -> Draft[FleetFile]:
    """Check fleet.yaml by itself; an unreadable one counts as an empty one without errors."""
    tree = layer(sources.fleet, "fleet")
    defaults = _defaults(tree)
    found = draft("", tree.without("defaults") if defaults else tree, FleetFile, support.FLEET, FleetFile(name="fleet"))
    if defaults is not None:
        found.errors += draft("", defaults, HubFile, support.HUB, HubFile()).errors
    if ("", sources.fleet.where.file) in sources.unreadable:
        found.errors.clear()
    return found


def cluster_drafts(sources: Sources) -> dict[str, Draft[ClusterFile]]:
    """Check each cluster's file."""
    fallback = ClusterFile(kind="machine")
    return {
        name: draft(name, layer(tree, "cluster"), ClusterFile, support.CLUSTER, fallback)
        for name, tree in sources.clusters.items()
    }


def hub_drafts(sources: Sources, presets: Presets) -> dict[str, Draft[HubFile]]:
    """Merge the layers of each hub and check the result; a staging twin comes right before its hub."""
    defaults = _defaults(layer(sources.fleet, "fleet"))
    found: dict[str, Draft[HubFile]] = {}
    for name, tree in sources.hubs.items():
        production = draft(name, _layers(layer(tree, "hub"), defaults, presets), HubFile, support.HUB, HubFile())
        if production.settings.staging is not None:
            twin = _twin(production, set(sources.hubs))
            found[twin.name] = twin
        found[name] = production
    return found


def _defaults(fleet: Setting) -> Setting | None:
    """Return the fleet's defaults, which are checked like a hub, so that hubs with them repeat no error."""
    defaults = fleet.at(("defaults",))
    return defaults if defaults is not None and isinstance(defaults.value, Mapping) else None


def _layers(own: Setting, defaults: Setting | None, presets: Presets) -> Setting:
    upper = merge(defaults, own) if defaults is not None else own
    named = upper.at(("preset",))
    if named is None or not isinstance(named.value, str) or not named.value:
        return upper
    below = presets.chain(named.value, named.where)
    return merge(below, upper) if below is not None else upper


def _twin(production: Draft[HubFile], hubs: set[str]) -> Draft[HubFile]:
    name = f"{production.name}{TWIN_SUFFIX}"
    tree = production.tree.without("staging", "domain")
    switch = production.tree.at(("staging",))
    for key in ("sign_in", "domain"):
        own = production.tree.at(("staging", key))
        if own is not None:
            tree = tree.having(key, own if key == "domain" else _own_sign_in(production.tree, own))
    twin = draft(name, tree, HubFile, support.HUB, HubFile())
    twin.twin_of = production.name
    twin.broken |= production.broken
    where = switch.where if switch else production.where()
    twin.errors = []
    if name in hubs:
        twin.errors.append(
            BadValueError(f"the staging twin {name!r} has the name of another hub", hint="rename one", where=where)
        )
    if not is_label(name):
        twin.errors.append(
            BadValueError(
                f"the staging twin's name {name!r} is too long",
                hint=f"a hub with a twin has a name of at most {30 - len(TWIN_SUFFIX)} characters",
                where=where,
            )
        )
    return twin


def _own_sign_in(production: Setting, own: Setting) -> Setting:
    below = production.at(("sign_in",))
    return merge(below, own) if below is not None else own


def _layer_name(preset: str) -> str:
    return f"preset {preset}"
