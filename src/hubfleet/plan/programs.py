"""From a fleet to what runs on one machine: a pure function, so that supervisor, units and chart agree."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel

from hubfleet._kit.names import hub_uuid
from hubfleet.model.cluster import Cluster
from hubfleet.model.fleet import Fleet
from hubfleet.model.hub import Hub
from hubfleet.model.program import HealthCheck, Program, ProgramFile
from hubfleet.model.secret import SecretReference
from hubfleet.model.settings.agent import AgentCaller, AgentCeilings, AgentFolder, AgentHub, AgentSettings
from hubfleet.model.settings.hub import AgentAddress, HubProgram
from hubfleet.plan import portals
from hubfleet.plan.actions import Resource, Value
from hubfleet.plan.front import front
from hubfleet.plan.machine import Machine, fleet_paths, internal_address, program_of

HUB_SECRETS = ("cookie", "crypt", "routes-token", "check-token", "culler-token", "agent-key")
MADE_FOR = {"shared-password": ("shared-password", "admin-password"), "native": ("admin-password",)}
"""Passwords that are generated, by kind of sign-in, where the fleet gives none."""
HUB_WRITES = "hubs/{}"


def port_names(fleet: Fleet) -> tuple[str, ...]:
    """Return the uses for which a fleet needs a port on loopback."""
    hubs = [f"{kind}-{name}" for name in fleet.hubs for kind in ("hub", "internal")]
    hubs += [portals.name_of(hub) for hub in fleet.hubs.values() if portals.has_portal(hub)]
    asked = any(cluster.https and cluster.https.acme for cluster in fleet.clusters.values())
    return ("routes", *(("acme",) if asked else ()), *hubs)


def resources(fleet: Fleet, machine: Machine) -> tuple[Resource, ...]:
    """Return all that shall be on the machine for a fleet."""
    return (
        *(_agent(fleet, cluster, machine) for cluster in fleet.clusters.values()),
        *front(fleet, machine),
        *(_hub(fleet, hub, machine) for hub in fleet.hubs.values()),
    )


def _agent(fleet: Fleet, cluster: Cluster, machine: Machine) -> Resource:
    name = f"agent-{cluster.name}"
    hubs = [hub for hub in fleet.hubs.values() if cluster.name in hub.servers_on]
    program = program_of(
        machine,
        name,
        ("-m", "hubfleet.agent", "settings.json"),
        _agent_settings(fleet, cluster, hubs, machine),
        user="",
        health=HealthCheck(url=f"unix:{machine.data}/run/{name}.sock:/v1/healthz"),
        writes=(f"agents/{cluster.name}",),
    )
    values: dict[str, Value] = {
        "launcher": cluster.launcher,
        "sandbox": cluster.sandbox,
        "network": cluster.network,
        "uids": cluster.uids,
        "indexes": ", ".join(cluster.indexes),
        "channels": ", ".join(f"{name}: {address}" for name, address in cluster.channels.items()),
        "debian": ", ".join(f"{item.address} {' '.join(item.suites)}" for item in cluster.debian),
        "git_hosts": ", ".join(cluster.git_hosts),
        "data_hosts": ", ".join(f"{name}: {host.kind} {host.api}".strip() for name, host in cluster.data_hosts.items()),
        "hubs": ", ".join(hub.name for hub in hubs),
        **flatten(cluster.ceilings, "ceilings"),
    }
    return Resource(
        kind="agent", name=cluster.name, values=values, programs=(program,), secrets=("operator/agent-key",)
    )


def _agent_settings(fleet: Fleet, cluster: Cluster, hubs: Sequence[Hub], machine: Machine) -> AgentSettings:
    name = f"agent-{cluster.name}"
    callers = [(f"hub-{hub.name}", "hub", hub.name) for hub in hubs] + [("operator", "operator", "")]
    callers += [(portals.name_of(hub), "portal", hub.name) for hub in hubs if portals.has_portal(hub)]
    return AgentSettings.model_validate(
        {
            "fleet": fleet.name,
            "cluster": cluster.name,
            "socket": f"{machine.data}/run/{name}.sock",
            "socket_group": f"@{{group {name}}}" if machine.root else "",
            "data": f"{machine.data}/agents/{cluster.name}",
            "launcher": cluster.launcher,
            "sandbox": cluster.sandbox,
            "network": cluster.network,
            "shared_network_allowed": cluster.network == "shared" or cluster.loopback,
            "addresses": str(machine.network),
            "uids": (cluster.uid_range[0], cluster.uid_range[-1]),
            "ceilings": _ceilings(cluster),
            "indexes": cluster.indexes,
            "channels": cluster.channels,
            "debian": [item.model_dump() for item in cluster.debian],
            "git_hosts": cluster.git_hosts,
            "data_hosts": {name: host.model_dump() for name, host in cluster.data_hosts.items()},
            "hubs": [_agent_hub(hub, machine, cluster) for hub in hubs],
            "callers": [
                AgentCaller(name=caller, role=role, hub=hub, public_key=f"@{{public-key {caller}}}")
                for caller, role, hub in callers
            ],
        }
    )


def _ceilings(cluster: Cluster) -> AgentCeilings:
    asked = {name: value for name, value in cluster.ceilings.model_dump().items() if value}
    return AgentCeilings.model_validate(asked)


def _agent_hub(hub: Hub, machine: Machine, cluster: Cluster) -> AgentHub:
    address, port = internal_address(hub, machine, cluster)
    folders = tuple(AgentFolder(name=name) for name in hub.shared_folders)
    return AgentHub.model_validate({"name": hub.name, "address": address, "port": port, "folders": folders})


def _hub(fleet: Fleet, hub: Hub, machine: Machine) -> Resource:
    given = given_secrets(hub)
    made = (*HUB_SECRETS, *MADE_FOR.get(hub.sign_in.kind, ()))
    return Resource(
        kind="hub",
        name=hub.name,
        values={"address": hub.url, **flatten(hub), **_prints(hub, machine)},
        programs=(
            _hub_program(fleet, hub, machine),
            *_culler(hub, machine),
            *portals.programs(fleet.name, hub, machine),
        ),
        secrets=(*(f"{hub.name}/{name}" for name in made if name not in given), *portals.secrets(hub)),
        given={f"{hub.name}/{name}": reference for name, reference in given.items()},
        staging_for=hub.twin_of,
    )


def _hub_program(fleet: Fleet, hub: Hub, machine: Machine) -> Program:
    name = f"hub-{hub.name}"
    start = (
        "from hubfleet.hub.configure import configure\n"
        "c = get_config()  # noqa: F821\n"
        f'configure(c, "{machine.data}/programs/{name}/settings.json")\n'
    )
    program = program_of(
        machine,
        name,
        ("-m", "jupyterhub", "-f", "jupyterhub_config.py"),
        _hub_settings(fleet, hub, machine),
        user=name,
        health=HealthCheck(url=f"http://127.0.0.1:{machine.ports[name]}/hub/health"),
        writes=(HUB_WRITES.format(hub.name),),
    )
    of_the_fleet = (
        ProgramFile(path=_file_name(path), content=machine.fleet_files[path], encoding="base64")
        for path in fleet_paths(hub)
    )
    return program.model_copy(
        update={
            "files": (*program.files, ProgramFile(path="jupyterhub_config.py", content=start), *of_the_fleet),
            "groups": tuple(f"agent-{cluster}" for cluster in hub.servers_on),
            "reads": (f"secrets/{hub.name}",),
            "after": ("routes",),
        }
    )


def _hub_settings(fleet: Fleet, hub: Hub, machine: Machine) -> HubProgram:
    name, secrets = f"hub-{hub.name}", f"{machine.data}/secrets/{hub.name}"
    folder = f"{machine.data}/{HUB_WRITES.format(hub.name)}"
    beside = f"{machine.data}/programs/{name}"
    return HubProgram(
        fleet=fleet.name,
        uuid=hub_uuid(fleet.name, hub.name),
        hub=hub,
        public_url=hub.url,
        user_subdomains=hub.user_subdomains,
        bind_port=machine.ports[name],
        routes_url=f"http://127.0.0.1:{machine.ports['routes']}",
        agents=tuple(
            AgentAddress(
                cluster=cluster,
                title=cluster,
                address=f"unix:{machine.data}/run/agent-{cluster}.sock",
                key=f"{secrets}/agent-key",
            )
            for cluster in hub.servers_on
        ),
        folder=folder,
        database=f"sqlite:///{folder}/jupyterhub.sqlite",
        secrets=secrets,
        culled=_culls(hub),
        portal_url=portals.url(hub, machine),
        python_file=f"{beside}/{_file_name(hub.python_file)}" if hub.python_file else "",
        logo=f"{beside}/{_file_name(hub.branding.logo)}" if hub.branding.logo else "",
    )


def _file_name(path: str) -> str:
    """Return the name under which a file of the fleet lies beside the hub's own."""
    return f"fleet-{path.replace('/', '-')}"


def _prints(hub: Hub, machine: Machine) -> Mapping[str, Value]:
    """Return what tells in a plan that the content of a file has changed."""
    return {
        f"content of {path}": hashlib.sha256(machine.fleet_files[path].encode()).hexdigest()[:12]
        for path in fleet_paths(hub)
    }


def _culls(hub: Hub) -> bool:
    return bool(hub.culling.idle_minutes or hub.culling.max_age_hours)


def _culler(hub: Hub, machine: Machine) -> Iterable[Program]:
    """JupyterHub's idle culler, beside the hub rather than below it, so that neither outlives or doubles the other."""
    if not _culls(hub):
        return
    idle_s = hub.culling.idle_minutes * 60 or 10**9
    name = f"hub-{hub.name}"
    yield Program(
        name=f"culler-{hub.name}",
        command=(
            machine.python,
            "-m",
            "hubfleet.hub.culler",
            f"{machine.data}/secrets/{hub.name}/culler-token",
            f"--url=http://127.0.0.1:{machine.ports[name]}/hub/api",
            f"--timeout={idle_s}",
            f"--max-age={int(hub.culling.max_age_hours * 3600)}",
            f"--cull-every={max(30, min(600, idle_s // 2))}",
        ),
        user=name,
        reads=(f"secrets/{hub.name}",),
        after=(name,),
    )


def given_secrets(hub: Hub) -> dict[str, SecretReference]:
    """Return the secrets that a hub's files refer to, by the name of the file in the hub's folder of secrets."""
    sign_in = hub.sign_in
    if sign_in.kind == "shared-password":
        asked = {"shared-password": sign_in.password, "admin-password": sign_in.admin_password}
    elif sign_in.kind == "native":
        asked = {}
    else:
        asked = {"client-secret": sign_in.client_secret}
    found = {name: reference for name, reference in asked.items() if reference is not None}
    for profile in hub.profiles.values():
        choices = [choice for option in profile.options.values() for choice in option.choices.values()]
        for variables in (profile.variables, *(choice.variables for choice in choices)):
            found.update({value.file_name: value for value in variables.values() if not isinstance(value, str)})
    return found


def flatten(model: BaseModel | Mapping[str, object], prefix: str = "") -> dict[str, Value]:
    """Return the leaves of a model by dotted key, lists as text; secrets show as references."""
    tree = model.model_dump(mode="json", by_alias=True) if isinstance(model, BaseModel) else model
    leaves: dict[str, Value] = {}
    for key, value in tree.items():
        path = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, Mapping):
            leaves.update(flatten(value, path))
        elif isinstance(value, list | tuple):
            leaves[path] = ", ".join(str(item) for item in value)
        elif value is None or isinstance(value, str | int | float | bool):
            leaves[path] = value
    return leaves
