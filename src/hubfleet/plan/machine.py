"""What must be known of a machine to say what runs there, and how a program of ours is described."""

import json
from collections.abc import Sequence
from ipaddress import IPv4Network

from pydantic import BaseModel

from hubfleet.model.base import StrictModel
from hubfleet.model.cluster import Cluster
from hubfleet.model.hub import Hub
from hubfleet.model.program import HealthCheck, Program, ProgramFile


class Machine(StrictModel):
    """What must be known of a machine to say what runs there."""

    data: str
    """Its data folder."""
    root: bool
    """Whether the supervisor is root: then programs have users of their own."""
    networks: bool
    """Whether it can give servers networks of their own."""
    network: IPv4Network
    """The range for them; the first address is the machine's own."""
    python: str
    """The Python that programs run with."""
    version: str
    """Version of hubfleet; another one restarts programs."""
    ports: dict[str, int]
    """Ports on loopback by use; see `port_names`."""
    fleet_files: dict[str, str] = {}
    """Files of the fleet that hubs name (logo, Python file), by their path: the content in base64. They go along with
    the hub, which may not reach the fleet's folder, and a change of them is a change of the hub."""


def fleet_paths(hub: Hub) -> tuple[str, ...]:
    """Return the files of the fleet that a hub names."""
    return tuple(path for path in (hub.python_file, hub.branding.logo) if path)


def isolated(cluster: Cluster, machine: Machine) -> bool:
    """Say whether servers of a cluster have addresses of their own on this machine."""
    return machine.networks and cluster.network == "isolated"


def internal_address(hub: Hub, machine: Machine, cluster: Cluster) -> tuple[str, int]:
    """Return where servers of a hub on a cluster reach it."""
    address = str(machine.network[1]) if isolated(cluster, machine) else "127.0.0.1"
    return address, machine.ports[f"internal-{hub.name}"]


def program_of(
    machine: Machine,
    name: str,
    arguments: Sequence[str],
    settings: BaseModel,
    *,
    user: str,
    health: HealthCheck,
    writes: Sequence[str],
) -> Program:
    """Return a program of ours, with its settings as a file."""
    text = json.dumps(settings.model_dump(mode="json"), indent=1, ensure_ascii=False)
    return Program(
        name=name,
        command=(machine.python, *arguments),
        environment={"HUBFLEET_VERSION": machine.version},
        files=(ProgramFile(path="settings.json", content=text),),
        user=user,
        health=health,
        writes=tuple(writes),
    )
