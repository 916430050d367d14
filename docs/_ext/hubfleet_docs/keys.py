"""Reference of fleet, cluster and hub files."""

from hubfleet.model.cluster import ClusterFile
from hubfleet.model.fleet import FleetFile
from hubfleet.model.hub import HubFile
from hubfleet_docs.models import anchor, sections, within

NOTE = (
    "Keys of the file come first, then what is written within them. A key that is not listed is an error. "
    "`null` removes what a preset or `defaults` set."
)


def fleet() -> str:
    """Return the page of fleet.yaml."""
    body = sections(FleetFile, prefix="fleet", skip=frozenset(_below_hub()))
    for model in _below_hub():
        body = body.replace(f"#{anchor(model, 'fleet')})", f"#{anchor(model, 'hub')})")
    return f"# `fleet.yaml`\n\n{NOTE}\n\n{body}"


def cluster() -> str:
    """Return the page of cluster files."""
    return f"# `clusters/NAME.yaml`\n\n{NOTE}\n\n{sections(ClusterFile, prefix='cluster')}"


def hub() -> str:
    """Return the page of hub files."""
    return (
        f"# `hubs/NAME.yaml`\n\n{NOTE} How each kind of sign-in is set up is told in "
        "[](../../howto/sign-in/index.md). JupyterHub's own traits under `jupyterhub` are told in "
        f"[](../../howto/jupyterhub-settings.md).\n\n{sections(HubFile, prefix='hub')}"
    )


def _below_hub() -> list[type]:
    return within(HubFile)
