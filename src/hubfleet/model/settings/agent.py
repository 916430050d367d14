"""What `plan` writes for an agent and the agent reads at its start: one JSON document, without secrets."""

from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from hubfleet.model.base import StrictModel
from hubfleet.model.data_hosts import DataHost
from hubfleet.model.debian import DebianMirror

Label = Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,62}$")]

METADATA_ADDRESSES = ("169.254.0.0/16", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", "fd00:ec2::254/128")
"""Where clouds give credentials: AWS, Google, Azure, OpenStack (link-local), Alibaba, Azure, Oracle, AWS (IPv6)."""


class AgentFolder(StrictModel):
    """A shared folder of a hub, seen as `shared/NAME` in homes."""

    name: Label
    """Its name below `shared/`."""
    writers: tuple[str, ...] | None = None
    """People who may write to it; none given: those whom the hub names in its requests."""


class AgentHub(StrictModel):
    """A hub whose servers this agent starts."""

    name: Label
    """The hub's name, `-staging` twins included."""
    address: IPv4Address = IPv4Address("127.0.0.1")
    """Address of HAProxy's internal listener, as servers reach it; with `network: isolated` as root, one of
    `AgentSettings.addresses` (by default its first one, which the agent puts on the host)."""
    port: Annotated[int, Field(ge=1, le=65535)]
    """Port of HAProxy's internal listener for this hub: through it servers ask who somebody is."""
    folders: tuple[AgentFolder, ...] = ()
    """Shared folders."""


class AgentCaller(StrictModel):
    """One who may call the agent."""

    name: str
    """Key id, such as `hub-ocean`."""
    role: Literal["hub", "portal", "operator"]
    """What it may do: servers of its hub; environments and homes of its hub; the cluster."""
    hub: str = ""
    """The hub it belongs to; empty for an operator."""
    public_key: str
    """Public Ed25519 key as JWK, JSON."""


class AgentCeilings(StrictModel):
    """What no request may exceed, whatever the hub says."""

    cpu: Annotated[float, Field(gt=0)] = 4.0
    """Cores per server."""
    memory_gib: Annotated[float, Field(gt=0)] = 8.0
    """GiB per server."""
    processes: Annotated[int, Field(ge=32)] = 512
    """Processes and threads per server; what a fork bomb can make."""
    servers: Annotated[int, Field(ge=1)] = 100
    """Servers that run at once on the cluster."""
    starts: Annotated[int, Field(ge=1)] = 4
    """Servers that start at once; two a core keep the machine answering."""
    queue: Annotated[int, Field(ge=0)] = 200
    """Starts that may wait for their turn; further ones get 429."""
    software_gib: Annotated[float, Field(gt=0)] = 50.0
    """GiB of the disk for environments, package cache and fetched repositories; where there is more, the cache goes
    first, then environments that nobody used lately."""
    start_timeout_s: Annotated[float, Field(gt=0)] = 120.0
    """How long a server may take until it answers, from the end of the queue and of the software's making."""


class AgentSettings(StrictModel):
    """One agent: one cluster's servers, software and homes."""

    fleet: Label
    """Name of the fleet; with the cluster's name it marks what the agent makes."""
    cluster: Label
    """Name of the cluster; callers' signatures are bound to it."""
    socket: Path
    """Unix socket to listen on (mode 0660)."""
    socket_group: str = ""
    """System group that may connect to the socket; empty: the agent's own."""
    data: Path
    """Folder of all that the agent keeps: store, homes, shared folders, environments, cache."""
    launcher: str = "process"
    """`process` (bubblewrap on this machine), `in-process` (pretended servers, for tests and load), or the name of an
    installed plug-in of the group `hubfleet.launchers`."""
    sandbox: Literal["bubblewrap", "none"] = "bubblewrap"
    """`none` only where people may see each other's files; the agent refuses it as root."""
    network: Literal["isolated", "shared"] = "isolated"
    """Whether each server has a network of its own."""
    shared_network_allowed: bool = False
    """Whether servers may share the host's network where `isolated` cannot be had; if not, nothing starts there."""
    outside: bool = True
    """Whether isolated servers reach the internet."""
    addresses: IPv4Network = IPv4Network("10.213.0.0/16")
    """Private range for servers' own addresses; the first one is the host's. No network of the host may overlap."""
    blocked: tuple[str, ...] = METADATA_ADDRESSES
    """Networks that servers never reach, besides the host, each other and everything private to the host."""
    name_servers: tuple[str, ...] = ()
    """DNS servers for isolated servers; empty: the host's own."""
    uids: tuple[int, int] = (200_000, 265_535)
    """User ids for people, one each, first and last; used as root."""
    ceilings: AgentCeilings = AgentCeilings()
    """What no request may exceed."""
    hubs: tuple[AgentHub, ...] = ()
    """Hubs that it serves."""
    callers: tuple[AgentCaller, ...] = ()
    """Who may call."""
    python: Path = Path("/usr/bin/python3")
    """The Python that environments are made with."""
    indexes: tuple[str, ...] = ()
    """Package indexes for environments, asked in this order; empty: PyPI, or what the agent's environment variables
    say."""
    channels: dict[str, str] = {}
    """Conda channels and where they are, the one for files that name none first; empty: conda-forge, bioconda, pytorch
    and nvidia from https://conda.anaconda.org."""
    debian: tuple[DebianMirror, ...] = ()
    """Where packages of an apt.txt are from; empty: where the machine's own apt has them from."""
    git_hosts: tuple[str, ...] = ()
    """Hosts of git servers that builds may ask though their addresses are not public."""
    data_hosts: dict[str, DataHost] = {}
    """Servers of data sets by their host, besides those that are known anyway."""
    base_lock: Path | None = None
    """Another lock than the packaged one for the base software."""
    software: Path | None = None
    """Folder for environments and the package cache, where several agents share one; default: below `data`."""

    @field_validator("blocked")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            ip_network(network)
        return value

    @model_validator(mode="after")
    def _consistent(self) -> "AgentSettings":
        names = [hub.name for hub in self.hubs]
        if len(set(names)) != len(names):
            raise ValueError("two hubs have one name")
        callers = [caller.name for caller in self.callers]
        if len(set(callers)) != len(callers):
            raise ValueError("two callers have one name")
        for caller in self.callers:
            if caller.role != "operator" and caller.hub not in names:
                raise ValueError(f"caller {caller.name!r} belongs to no known hub")
        if self.uids[0] < 1000 or self.uids[1] < self.uids[0]:
            raise ValueError("uids must be two ids from 1000 up, the first one not above the last")
        if self.addresses.num_addresses < 8:
            raise ValueError("addresses must hold at least eight")
        return self

    def hub(self, name: str) -> AgentHub | None:
        """Return a hub by name."""
        return next((hub for hub in self.hubs if hub.name == name), None)

    @property
    def host_address(self) -> IPv4Address:
        """The host's own address among `addresses`."""
        return self.addresses[1]

    @property
    def software_folder(self) -> Path:
        """Where environments and the package cache are."""
        return self.software or self.data / "software"

    @property
    def blocked_v4(self) -> tuple[str, ...]:
        """The IPv4 networks of `blocked`."""
        return tuple(network for network in self.blocked if not isinstance(ip_network(network), IPv6Network))
