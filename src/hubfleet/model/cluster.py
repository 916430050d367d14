"""Machines under one control plane, on which hubs and servers run."""

import ipaddress
import re
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from hubfleet.model.base import StrictModel
from hubfleet.model.data_hosts import DataHost
from hubfleet.model.debian import DebianMirror
from hubfleet.model.text import ChannelName, PackageIndex, ServerAddress, Title, WebAddress, wrong

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"


def _listen(text: str) -> str:
    address, colon, port = text.rpartition(":")
    try:
        ipaddress.ip_address(address.strip("[]"))
        right = bool(colon) and 1 <= int(port) <= 65535 and (":" in address) == address.startswith("[")
    except ValueError:
        right = False
    if not right:
        raise wrong(f"{text[:60]!r} is not an address and port", "such as 127.0.0.1:8000, 0.0.0.0:443 or [::1]:8000")
    return text


def _uids(text: str) -> str:
    match = re.fullmatch(r"([1-9]\d{0,9})-([1-9]\d{0,9})", text)
    if not match or not 1000 <= int(match[1]) < int(match[2]) < 2**32 - 1:
        raise wrong(f"{text[:60]!r} is not a range of user ids", "such as 200000-265535, all of 1000 or more")
    return text


class Https(StrictModel):
    """How the cluster gets certificates: by ACME for each hub's address, or a given one."""

    acme: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")] | None = None
    """Mail address for the authority; certificates are then fetched and renewed by ACME (HTTP-01)."""
    acme_directory: WebAddress = LETS_ENCRYPT
    """The authority's directory; Let's Encrypt."""
    certificate: str | None = None
    """File on the machine with certificate and chain (PEM)."""
    key: str | None = None
    """File on the machine with the key (PEM)."""
    http_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Port beside the one of `listen` where people are sent on to https and authorities ask; default 80, but none for
    a given certificate on another port than 443. Authorities ask at port 80 only: lead that here if this is another."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise wrong("certificate and key belong together", "give both")
        if (self.acme is None) == (self.certificate is None):
            raise wrong("say where certificates come from", "{acme: MAIL} or {certificate: FILE, key: FILE}")
        return self


def _off(value: object) -> object:
    if value == "off" or value is False:
        return None
    if isinstance(value, str | bool):
        raise wrong("must be `off`, {acme: MAIL} or {certificate: FILE, key: FILE}")
    return value


HttpsOrOff: TypeAlias = Annotated[
    Https | None, BeforeValidator(_off, json_schema_input_type=Literal["off"] | Https | None)
]


class Ceilings(StrictModel):
    """What the cluster gives at most, whatever a hub asks; 0: no ceiling but the machine itself."""

    cpu: Annotated[float, Field(ge=0, le=1024)] = 0.0
    """Cores of one server."""
    memory_gib: Annotated[float, Field(ge=0, le=65536)] = 0.0
    """Memory of one server, in GiB."""
    servers: Annotated[int, Field(ge=0, le=100_000)] = 0
    """Servers that run at once, of all hubs together."""
    software_gib: Annotated[float, Field(ge=0, le=1_000_000)] = 0.0
    """Disk for environments and package caches, in GiB; where there is more, what nobody used lately goes. 0: 50."""


class ClusterFile(StrictModel):
    """What clusters/<name>.yaml says."""

    title: Title | None = None
    """As people see it where they choose; default: the cluster's name."""
    kind: Literal["machine"]
    """`machine`: one computer, without containers or Kubernetes."""
    launcher: Literal["process"] = "process"
    """How servers start: as processes in a sandbox."""
    listen: Annotated[str, AfterValidator(_listen)] = "127.0.0.1:8000"
    """Address and port of the front door; by default only this machine's own browsers reach it."""
    https: HttpsOrOff = None
    """`off` is for loopback addresses only."""
    sandbox: Literal["bubblewrap", "none"] = "bubblewrap"
    """What keeps servers apart; `none` is for a machine of one person."""
    network: Literal["isolated", "shared"] = "isolated"
    """`isolated`: each server has its own network; `shared`: people can reach each other's ports."""
    uids: Annotated[str, AfterValidator(_uids)] = "200000-265535"
    """User ids given to people where the agent is root, one for each hub and person, never twice."""
    indexes: tuple[PackageIndex, ...] = ()
    """Package indexes for environments, asked in this order; empty: PyPI. Universities' mirrors go here."""
    channels: dict[ChannelName, PackageIndex] = {}
    """Conda channels that an environment.yml may name, and where each one or its mirror is; the first one serves files
    that name none. Empty: conda-forge, bioconda, pytorch and nvidia from https://conda.anaconda.org. Given, it replaces
    them all, so that a cluster with mirrors asks nobody else. `defaults` and `anaconda` stand for the first channel, as
    Anaconda's terms ask most universities for a licence, unless they are named here too."""
    debian: tuple[DebianMirror, ...] = ()
    """Where packages of an apt.txt are from; empty: where the machine's own apt has them from."""
    git_hosts: tuple[ServerAddress, ...] = ()
    """Hosts of git servers with private addresses that builds may fetch from; others of that kind are refused."""
    data_hosts: dict[ServerAddress, DataHost] = {}
    """Servers that builds fetch data sets from, by their host: besides doi.org, Zenodo, Figshare and HydroShare, or in
    place of one of those. Dataverse and CKAN servers need none, as their addresses say what they are."""
    ceilings: Ceilings = Ceilings()
    """What no server of any hub exceeds."""

    @model_validator(mode="after")
    def _two_ports(self) -> Self:
        if self.http_port == self.port:
            raise wrong(
                f"https and plain http cannot share port {self.port}", "`listen` is where https is: such as 443"
            )
        return self

    @property
    def port(self) -> int:
        """Return the port of the front door."""
        return int(self.listen.rpartition(":")[2])

    @property
    def http_port(self) -> int | None:
        """Return the port beside it for what comes without https; None: there is none."""
        if self.https is None:
            return None
        return self.https.http_port or (80 if self.https.acme or self.port == 443 else None)


class Cluster(ClusterFile):
    """A cluster with its names."""

    name: str
    """Unique in the fleet."""
    title: Title

    @property
    def address(self) -> str:
        """Return the address to listen on, without brackets."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def loopback(self) -> bool:
        """Say whether only this machine itself can reach the front door."""
        return ipaddress.ip_address(self.address).is_loopback

    @property
    def uid_range(self) -> range:
        """Return the user ids for people."""
        first, _, last = self.uids.partition("-")
        return range(int(first), int(last) + 1)
