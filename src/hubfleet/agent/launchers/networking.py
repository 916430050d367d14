"""Which network servers get on this machine."""

import os

from hubfleet._kit.rights import CAP_NET_ADMIN, holds
from hubfleet.agent.launchers.isolated import IsolatedNetwork, IsolatedOptions
from hubfleet.agent.launchers.links import find_nft
from hubfleet.agent.launchers.networks import Network, SharedNetwork
from hubfleet.errors import LaunchError
from hubfleet.model.settings.agent import AgentSettings


def choose(settings: AgentSettings, label: str) -> Network:
    """Return the best network that can be had, as far as the settings allow.

    Raises:
        LaunchError: servers shall have networks of their own, and that cannot be had here.
    """
    if settings.network == "shared":
        return SharedNetwork("the cluster's file says `network: shared`")
    why, way_out = _obstacle()
    if not why:
        options = IsolatedOptions(
            label=label,
            addresses=settings.addresses,
            blocked=settings.blocked,
            outside=settings.outside,
            name_servers=settings.name_servers,
        )
        return IsolatedNetwork(options)
    if not settings.shared_network_allowed:
        raise LaunchError(
            f"servers cannot have networks of their own here: {why}",
            hint=f"{way_out}; or write `network: shared`, if people may reach each other's ports",
        )
    return SharedNetwork(f"{why} ({way_out})")


def _obstacle() -> tuple[str, str]:
    """Return why servers cannot have networks of their own, and the way out; empty strings if they can."""
    if os.geteuid() != 0:
        return "the agent is not root", "run it as root"
    if not holds(CAP_NET_ADMIN):
        return "this root may make no networks", "give it CAP_NET_ADMIN"
    if find_nft() is None:
        return "nftables is missing", "apt-get install nftables"
    return "", ""
