"""An address of its own for each person's server, so that one person's page cannot act on another's."""

from collections.abc import Callable

from jupyterhub.utils import subdomain_hook_idna


def hook(host: str) -> Callable[[str, str, str], str]:
    """Return JupyterHub's `subdomain_hook`: people get a label below the hub's host, services stay on it.

    Services stay since their pages belong to the hub, and a certificate for `*.HOST` goes one label deep only.
    """

    def domain_for(name: str, domain: str, kind: str) -> str:
        return domain if kind == "service" else str(subdomain_hook_idna(name, domain, kind))

    return domain_for
