"""A fleet's folder -> the complete model, or all that is wrong with it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hubfleet.config.checks import CHECKS
from hubfleet.config.complete import clusters_of, hubs_of
from hubfleet.config.notice import Notice
from hubfleet.config.provenance import Provenance
from hubfleet.config.resolve import Presets, cluster_drafts, fleet_draft, hub_drafts
from hubfleet.config.scene import Scene
from hubfleet.config.sources import read_folder
from hubfleet.errors import ConfigError, ConfigErrors, Where
from hubfleet.model.fleet import Fleet
from hubfleet.model.hub import Hub

HubCheck = Callable[[Hub, Provenance], Iterable[ConfigError]]
"""A check that another layer brings, such as that of JupyterHub's traits."""


@dataclass(frozen=True)
class Loaded:
    """A fleet that is right, what is worth saying about it, and where its values come from."""

    fleet: Fleet
    warnings: tuple[Notice, ...]
    provenance: Provenance


def load(directory: Path, *, also: Sequence[HubCheck] = ()) -> Loaded:
    """Read, merge and check a fleet's folder.

    `also` are checks of other layers, made on each hub that is complete.

    Raises:
        ConfigErrors: all that is wrong, by file and line.
    """
    sources = read_folder(directory)
    presets = Presets(sources)
    fleet_file = fleet_draft(sources)
    clusters = cluster_drafts(sources)
    drafts = hub_drafts(sources, presets)
    presets.check()
    scene = Scene(directory, fleet_file, clusters, drafts, frozenset(sources.unreadable))
    errors = [*sources.errors, *fleet_file.errors, *presets.errors]
    errors += [error for cluster in clusters.values() for error in cluster.errors]
    errors += [error for hub in drafts.values() for error in hub.errors]
    warnings: list[Notice] = []
    for check in CHECKS:
        for finding in check(scene):
            if isinstance(finding, Notice):
                warnings.append(finding)
            else:
                errors.append(finding)
    hubs = hubs_of(scene)
    provenance = Provenance({name: drafts[name].tree for name in hubs}, hubs)
    errors += [error for hub in hubs.values() for check_hub in also for error in check_hub(hub, provenance)]
    if errors:
        raise ConfigErrors(_in_order(errors))
    fleet = Fleet(
        name=fleet_file.settings.name,
        domain=fleet_file.settings.domain,
        operators=fleet_file.settings.operators,
        clusters=clusters_of(scene),
        hubs=hubs,
    )
    return Loaded(fleet, tuple(sorted(set(warnings))), provenance)


def _in_order(errors: Iterable[ConfigError]) -> list[ConfigError]:
    """Sort by file and line; what a preset or default gives to many hubs is said once."""
    once = {(error.where or Where(""), error.message): error for error in errors}
    return [once[key] for key in sorted(once)]
