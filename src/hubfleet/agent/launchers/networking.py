"""Which network servers get on this machine."""

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
    why = "not built yet"
    if not settings.shared_network_allowed:
        raise LaunchError(f"servers cannot have networks of their own here: {why}", hint="write `network: shared`")
    return SharedNetwork(why)
