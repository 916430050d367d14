"""A network of its own for each server, as root: a veth pair, one private address, and the rules of `firewall`.

The network namespace is the sandbox's own and ends with it, and with it the pair of interfaces. The host's end carries
all facts in its alias, so that it is found again without any record.
"""

import asyncio
import errno
import socket
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, ip_network
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from hubfleet._kit.process import ProcessId
from hubfleet.agent.launchers import firewall, links
from hubfleet.agent.launchers.networks import Network, host_name_servers
from hubfleet.errors import LaunchError, TemporaryLaunchError
from hubfleet.protocol.messages import Ability

PORT = "8888"
_LINK_SCOPE = 253
_LAST_METRIC = 9999
_GONE = {errno.ENODEV, errno.ENOENT, errno.ESRCH}


@dataclass(frozen=True)
class IsolatedOptions:
    """What the network must know of its agent."""

    label: str
    """Marks what the agent makes; ends in eight hexadecimal digits that make it different from others."""
    addresses: IPv4Network
    blocked: tuple[str, ...]
    outside: bool
    name_servers: tuple[str, ...] = ()


class IsolatedNetwork(Network):
    """Networks made of veth pairs and nftables; needs root and the `nft` command."""

    unshare = True

    def __init__(self, options: IsolatedOptions) -> None:
        """Make it; nothing is done yet."""
        self._options = options
        mark = options.label.rpartition("-")[2][:6]
        self._interfaces = f"hf{mark}-"
        self._host_interface = f"hf{mark}host"
        self._host = options.addresses[1]
        self._lock = asyncio.Lock()

    async def prepare(self) -> None:
        """Put the host's address on an interface of its own, and the rules in their place."""
        async with self._lock:
            await asyncio.to_thread(self._prepare)

    async def ability(self) -> Ability:
        """Say that servers are kept apart."""
        detail = f"an address of {self._options.addresses} for each server, kept apart by nftables"
        if not self.name_servers():
            detail += "; no DNS server that servers can reach is known (set `name_servers`)"
            return Ability(name="network", state="partly", detail=detail)
        return Ability(name="network", state="full", detail=detail)

    def plan(self, server: str, hub_address: tuple[str, int], taken: Collection[Mapping[str, str]]) -> dict[str, str]:
        """Choose the first address that is free."""
        used = {facts.get("address") for facts in taken}
        for index in range(2, self._options.addresses.num_addresses - 1):
            address = str(self._options.addresses[index])
            if address not in used:
                return {
                    "address": address,
                    "port": PORT,
                    "interface": f"{self._interfaces}{index:x}",
                    "hub_address": hub_address[0],
                    "hub_port": str(hub_address[1]),
                }
        raise TemporaryLaunchError(f"all addresses of {self._options.addresses} are in use")

    async def attach(self, facts: Mapping[str, str], init: ProcessId) -> None:
        """Make the pair, give both ends what they need, and let the rules know the server."""
        async with self._lock:
            try:
                await asyncio.to_thread(self._attach, facts, init)
            except (NetlinkError, OSError) as error:
                raise LaunchError(f"the server's network cannot be made: {error}") from error

    async def detach(self, facts: Mapping[str, str]) -> None:
        """Remove the pair, if it is still there, and let the rules forget the server."""
        if "interface" not in facts:
            return
        async with self._lock:
            try:
                await asyncio.to_thread(self._detach, facts)
            except (NetlinkError, OSError, LaunchError) as error:
                raise TemporaryLaunchError(f"the server's network cannot be removed: {error}") from error

    async def found(self) -> Mapping[str, Mapping[str, str]]:
        """Return the servers whose interfaces are there."""
        return await asyncio.to_thread(self._found)

    async def remove(self) -> None:
        """Remove what all servers share."""
        async with self._lock:
            await asyncio.to_thread(self._remove)

    def url(self, facts: Mapping[str, str]) -> str:
        """Return the server's own address."""
        return f"http://{facts['address']}:{facts['port']}"

    def name_servers(self) -> Sequence[str]:
        """Return those of the settings, or the host's that are not on its loopback."""
        found = self._options.name_servers or host_name_servers(loopback=False)
        return [server for server in found if ":" not in server]

    def _policy(self, uplinks: Sequence[str] = ()) -> firewall.Policy:
        return firewall.Policy(
            table=self._options.label.replace("-", "_"),
            interfaces=self._interfaces,
            addresses=str(self._options.addresses),
            blocked=tuple(item for item in self._options.blocked if isinstance(ip_network(item), IPv4Network)),
            resolvers=tuple(self.name_servers()),
            uplinks=tuple(uplinks),
        )

    def _prepare(self) -> None:
        found = self._found()
        try:
            with IPRoute() as ip:
                self._make_host_interface(ip)
                uplinks = links.uplinks(ip) if self._options.outside else []
        except (NetlinkError, OSError) as error:
            raise LaunchError(f"no interface can be made: {error}", hint="run the agent as root") from error
        if self._options.outside:
            # as docker, podman and libvirt do; our rules let nothing else pass through servers' interfaces
            Path("/proc/sys/net/ipv4/ip_forward").write_text("1\n")
        links.apply_rules(firewall.table(self._policy(uplinks), found.values()))

    def _make_host_interface(self, ip: Any) -> None:
        for entry in ip.get_addr(family=socket.AF_INET):
            address = IPv4Address(links.attribute(entry, "IFA_ADDRESS"))
            if address in self._options.addresses and links.attribute(entry, "IFA_LABEL") != self._host_interface:
                raise LaunchError(
                    f"the host has the address {address} of servers' own range {self._options.addresses}",
                    hint="choose another range with `addresses`",
                )
        index = links.index(ip, self._host_interface)
        if index is None:
            links.add_plain(ip, self._host_interface)
            index = links.index(ip, self._host_interface)
        ip.link("set", index=index, state="up")
        ip.addr("replace", index=index, address=str(self._host), prefixlen=32)
        # what is sent to a server that is gone must not leave the host, where anybody might answer
        ip.route("replace", dst=str(self._options.addresses), type="unreachable", priority=_LAST_METRIC)

    def _attach(self, facts: Mapping[str, str], init: ProcessId) -> None:
        address, name = facts["address"], facts["interface"]
        with IPRoute() as ip:
            if links.index(ip, name) is not None:
                ip.link("del", index=links.index(ip, name))
            ip.link("add", ifname=name, kind="veth", peer={"ifname": "eth0", "net_ns_pid": init.pid})
            index = links.index(ip, name)
            ip.link("set", index=index, ifalias=self._alias(facts))
            Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1\n")
            ip.link("set", index=index, state="up")
            ip.route("replace", dst=f"{address}/32", oif=index, prefsrc=str(self._host), scope=_LINK_SCOPE)
        # the rules come before the server can send its first packet
        links.apply_rules(firewall.let_in(self._policy(), facts))
        links.inside(init.pid, lambda: self._configure(address))

    def _configure(self, address: str) -> None:
        """Give the server's end its address and its only way out; runs inside."""
        with IPRoute() as inside:
            index = links.index(inside, "eth0")
            inside.addr("add", index=index, address=address, prefixlen=32)
            inside.link("set", index=index, state="up")
            # not the loopback: bubblewrap does that itself, perhaps just now, and dies if its address is there already
            inside.route("add", dst=f"{self._host}/32", oif=index, scope=_LINK_SCOPE)
            inside.route("add", dst="default", gateway=str(self._host), oif=index)

    def _detach(self, facts: Mapping[str, str]) -> None:
        found = self._found().get(facts.get("server", ""), {})
        if found.get("interface") == facts["interface"]:
            with IPRoute() as ip:
                index = links.index(ip, facts["interface"])
                try:
                    if index is not None:
                        ip.link("del", index=index)
                except NetlinkError as error:
                    if error.code not in _GONE:
                        raise
        if "hub_address" in facts:
            links.apply_rules(firewall.forget(self._policy(), facts))

    def _found(self) -> dict[str, dict[str, str]]:
        result: dict[str, dict[str, str]] = {}
        with IPRoute() as ip:
            for link in ip.get_links():
                parts = (links.attribute(link, "IFLA_IFALIAS") or "").split(" ")
                if len(parts) == 5 and parts[0] == self._options.label:
                    server, address, hub_address, hub_port = parts[1:]
                    result[server] = {
                        "address": address,
                        "port": PORT,
                        "interface": str(links.attribute(link, "IFLA_IFNAME")),
                        "hub_address": hub_address,
                        "hub_port": hub_port,
                    }
        return result

    def _alias(self, facts: Mapping[str, str]) -> str:
        return " ".join(
            [self._options.label, facts["server"], facts["address"], facts["hub_address"], facts["hub_port"]]
        )

    def _remove(self) -> None:
        links.apply_rules(firewall.remove(self._policy()))
        with IPRoute() as ip:
            index = links.index(ip, self._host_interface)
            if index is not None:
                ip.link("del", index=index)
            try:
                ip.route("del", dst=str(self._options.addresses), type="unreachable", priority=_LAST_METRIC)
            except NetlinkError as error:
                if error.code not in _GONE:
                    raise
