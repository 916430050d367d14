"""All drafts of a fleet together, as checks look at them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hubfleet.config.draft import Draft
from hubfleet.config.notice import Notice
from hubfleet.errors import ConfigError
from hubfleet.model.cluster import ClusterFile
from hubfleet.model.fleet import FleetFile
from hubfleet.model.hub import HubFile


@dataclass(frozen=True)
class Scene:
    """A fleet's drafts; names of unreadable files count as known."""

    directory: Path
    fleet: Draft[FleetFile]
    clusters: Mapping[str, Draft[ClusterFile]]
    hubs: Mapping[str, Draft[HubFile]]
    unreadable: frozenset[tuple[str, str]]

    def cluster_names(self) -> set[str]:
        """Return all names that hubs may refer to."""
        return {*self.clusters, *(name for folder, name in self.unreadable if folder == "clusters")}

    def cluster_of(self, hub: Draft[HubFile]) -> str:
        """Return where a hub runs: what it says, or the only cluster there is; empty: unknown."""
        if hub.settings.cluster or not hub.sound("cluster"):
            return hub.settings.cluster or ""
        names = self.cluster_names()
        return next(iter(names)) if len(names) == 1 else ""

    def servers_on(self, hub: Draft[HubFile]) -> tuple[str, ...]:
        """Return where a hub's servers may run."""
        own = self.cluster_of(hub)
        return hub.settings.servers_on or ((own,) if own else ())

    def host_of(self, hub: Draft[HubFile]) -> str:
        """Return the host name of a hub's address."""
        return hub.settings.domain or f"{hub.name}.{self.fleet.settings.domain}"

    def user_subdomains(self, hub: Draft[HubFile]) -> bool:
        """Say whether people's servers of a hub have addresses of their own."""
        wish = hub.settings.user_subdomains
        return self.host_of(hub).endswith(".localhost") if wish is None else wish


Finding = ConfigError | Notice
Check = Callable[[Scene], Iterator[Finding]]
