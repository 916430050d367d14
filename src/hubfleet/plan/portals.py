"""A hub's portal as a program beside it: only where a feature asks for one. Pure."""

from collections.abc import Iterable

from hubfleet.model.features import Builds
from hubfleet.model.hub import Hub
from hubfleet.model.program import HealthCheck, Program
from hubfleet.model.settings.hub import AgentAddress
from hubfleet.model.settings.portal import COOKIE_FILE, TOKEN_FILE, PortalSettings
from hubfleet.plan.machine import Machine, program_of
from hubfleet.policy.choices import title_of

PATH = "/services/portal"
"""Where the hub's address leads to its portal."""


def name_of(hub: Hub) -> str:
    """Return the program's name, which is its user's and its caller's at agents too."""
    return f"portal-{hub.name}"


def has_portal(hub: Hub) -> bool:
    """Say whether a hub has a portal."""
    return hub.features.builds is not None


def url(hub: Hub, machine: Machine) -> str:
    """Return where JupyterHub finds the portal; empty: there is none."""
    return f"http://127.0.0.1:{machine.ports[name_of(hub)]}" if has_portal(hub) else ""


def folder_of_secrets(hub: Hub) -> str:
    """Return the folder with the portal's own secrets: it may read no other of the hub's. No hub has such a name."""
    return f"{hub.name}.portal"


def secrets(hub: Hub) -> tuple[str, ...]:
    """Return the secrets that are made for a portal, and the copies of those that it shares with its hub."""
    if not has_portal(hub):
        return ()
    own = folder_of_secrets(hub)
    of_both = (TOKEN_FILE, "operator-token", "hub-token", "binder-token")
    shared = (f"{hub.name}/{kind}" for kind in of_both)
    return (*shared, *(f"{own}/{kind}" for kind in (TOKEN_FILE, COOKIE_FILE, "agent-key")))


def programs(fleet: str, hub: Hub, machine: Machine) -> Iterable[Program]:
    """Return the portal's program, where the hub has one."""
    if not has_portal(hub):
        return
    name, port = name_of(hub), machine.ports[name_of(hub)]
    program = program_of(
        machine,
        name,
        ("-m", "hubfleet.portal", "settings.json"),
        _settings(fleet, hub, machine),
        user=name,
        health=HealthCheck(url=f"http://127.0.0.1:{port}{PATH}/health"),
        writes=(f"portals/{hub.name}",),
    )
    yield program.model_copy(
        update={
            "groups": tuple(f"agent-{cluster}" for cluster in hub.servers_on),
            "reads": (f"secrets/{folder_of_secrets(hub)}",),
        }
    )


def _settings(fleet: str, hub: Hub, machine: Machine) -> PortalSettings:
    builds = hub.features.builds or Builds()
    folder = f"{machine.data}/secrets/{folder_of_secrets(hub)}"
    return PortalSettings(
        fleet=fleet,
        hub=hub.name,
        title=hub.title,
        branding=hub.branding,
        own_logo=bool(hub.branding.logo),
        announcement=hub.announcement,
        staging_for=hub.twin_of,
        public_url=hub.url,
        bind_port=machine.ports[name_of(hub)],
        hub_api=f"http://127.0.0.1:{machine.ports[f'hub-{hub.name}']}/hub/api",
        agents=tuple(
            AgentAddress(
                cluster=cluster,
                title=cluster,
                address=f"unix:{machine.data}/run/agent-{cluster}.sock",
                key=f"{folder}/agent-key",
            )
            for cluster in hub.servers_on
        ),
        named_servers=hub.named_servers,
        profiles={name: title_of(name, profile) for name, profile in hub.profiles.items()},
        conda=builds.conda,
        repositories=builds.repositories,
        blocked_repositories=builds.blocked_repositories,
        anonymous=builds.anonymous,
        folder=f"{machine.data}/portals/{hub.name}",
        secrets=folder,
    )
