"""Paths, keys and values: how a route of the REST API becomes a line of HAProxy's map. Pure.

A key is the host, then the *decoded* path with a `/` at its end, percent-encoded whole (RFC 3986, only unreserved
characters stay). HAProxy computes the same from a request with `url_dec` and `url_enc`, so that all spellings of one
path (`@` and `%40`, `%c3` and `%C3`) meet, no two paths share a key, and a key is a prefix of another only where its
path is a parent folder of the other's.
"""

import hashlib
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlsplit

from hubfleet.errors import HubfleetError
from hubfleet.model.settings.routes import RoutedHub

MAX_PATH_BYTES = 1000
"""Longest path of a route, decoded. HAProxy looks at the first `LOOKED_AT_BYTES` of a request's path."""
LOOKED_AT_BYTES = 4000

_LABEL = re.compile(r"[a-z0-9_-]+")

Kind = Literal["hub", "server", "service"]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class BadRouteError(HubfleetError):
    """A route that cannot be: the caller's mistake."""

    code = "bad-route"


class ForeignRouteError(HubfleetError):
    """A route on a host, or to a target, that is not this hub's."""

    code = "foreign-route"


@dataclass(frozen=True)
class Target:
    """Where a route leads."""

    tls: bool
    address: IPAddress
    port: int


def clean_path(path: str) -> str:
    """Return a path as configurable-http-proxy names it: a `/` first, none at the end.

    Raises:
        BadRouteError: it is too long, or holds empty or dot segments or control characters.
    """
    path = "/" + path.removeprefix("/")
    if path != "/":
        path = path.removesuffix("/")
    if len(path.encode(errors="surrogatepass")) > MAX_PATH_BYTES:
        raise BadRouteError(f"the path is longer than {MAX_PATH_BYTES} bytes")
    segments = path[1:].split("/") if path != "/" else []
    if any(segment in {"", ".", ".."} for segment in segments):
        raise BadRouteError(f"path {path!r} holds an empty or dot segment")
    if any(ord(char) < 32 or ord(char) == 127 or 0xD800 <= ord(char) <= 0xDFFF for char in path):
        raise BadRouteError("the path holds control characters")
    return path


def key_of(hub: RoutedHub, path: str) -> str:
    """Return the map's key for a clean path of a hub.

    Without user subdomains the path is one below the hub's host. With them it starts with the host, as in
    configurable-http-proxy's `--host-routing`; `/` alone is the hub itself.

    Raises:
        ForeignRouteError: the host is not the hub's own.
        BadRouteError: another path already names this place.
    """
    if not hub.user_subdomains or path == "/":
        return map_key(hub.host, path)
    host, _, rest = path[1:].partition("/")
    label, _, parent = host.partition(".")
    if host != hub.host and not (parent == hub.host and _LABEL.fullmatch(label)):
        raise ForeignRouteError(
            f"host {host!r} is not one of hub {hub.name!r}", hint=f"its hosts are {hub.host} and *.{hub.host}"
        )
    if host == hub.host and not rest:
        raise BadRouteError(f"route {path!r} is the hub's own", hint="name it '/'")
    return map_key(host, f"/{rest}")


def map_key(host: str, path: str) -> str:
    """Return the key of a decoded path on a host."""
    return host + quote(path if path.endswith("/") else f"{path}/", safe="")


def kind_of(path: str, data: dict[str, object]) -> Kind:
    """Tell what a route leads to, from where it is and what JupyterHub says of it."""
    if path == "/" or data.get("hub") is True:
        return "hub"
    return "server" if "user" in data else "service"


def read_target(url: str) -> Target:
    """Understand a target URL.

    Raises:
        BadRouteError: it is no `http(s)://IP:PORT`.
    """
    hint = "it must be http://IP:PORT or https://IP:PORT, without a path, a name or a user"
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = ipaddress.ip_address(parts.hostname or "")
    except ValueError:
        raise BadRouteError(f"cannot route to {url!r}", hint=hint) from None
    plain = parts.path in {"", "/"} and not (parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in {"http", "https"} or not plain or "%" in parts.netloc:
        raise BadRouteError(f"cannot route to {url!r}", hint=hint)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return Target(parts.scheme == "https", address, port)


def check_target(target: Target, networks: Iterable[Network], *, tls_allowed: bool) -> None:
    """Let a target through only where routes may lead.

    Raises:
        ForeignRouteError: it is elsewhere, such as a cloud's metadata address.
    """
    address = target.address
    never = address.is_link_local or address.is_unspecified or address.is_multicast
    if never or not any(address.version == network.version and address in network for network in networks):
        raise ForeignRouteError(
            f"no route may lead to {address}", hint="add its network to `targets` in the settings of routes"
        )
    if target.tls and not tls_allowed:
        raise ForeignRouteError(
            "no route may lead to an https target", hint="set `target_ca` in the settings of routes"
        )


def map_value(kind: Kind, target: Target, key: str) -> str:
    """Return the map's value: kind, address, port, whether TLS, and a short id that counts activity."""
    tls = "tls" if target.tls else "plain"
    return f"{kind}/{target.address}/{target.port}/{tls}/{activity_id(key)}"


def activity_id(key: str) -> str:
    """Return the id under which HAProxy notes a route's last activity."""
    return hashlib.blake2b(key.encode(), digest_size=8).hexdigest()
