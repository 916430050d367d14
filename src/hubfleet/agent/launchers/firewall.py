"""The rules that keep servers apart, as nftables' text. Pure.

What servers may reach: their own hub's internal listener on the host, the DNS servers, and (by policy) what
lies behind the host's way out, except the blocked networks. Never the host's other ports, each other, or the like.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Policy:
    """What holds for all servers of an agent."""

    table: str
    """Name of the agent's own table."""
    interfaces: str
    """What the names of servers' interfaces on the host begin with."""
    addresses: str
    """Servers' private range."""
    blocked: tuple[str, ...]
    """IPv4 networks that no server reaches."""
    resolvers: tuple[str, ...]
    """DNS servers, reached at port 53 even where their network is blocked."""
    uplinks: tuple[str, ...]
    """Interfaces that lead outside; empty: servers do not get there."""


def table(policy: Policy, servers: Iterable[Mapping[str, str]]) -> str:
    """Return the whole table, which replaces an earlier one at once, so that running servers never lack it.

    Args:
        policy: what holds for all.
        servers: facts of the servers that run.
    """
    name, ours = policy.table, f'"{policy.interfaces}*"'
    lines = [
        f"add table inet {name}",
        f"delete table inet {name}",
        f"table inet {name} {{",
        "set servers { type ifname . ipv4_addr; }",
        "set hubs { type ipv4_addr . ipv4_addr . inet_service; }",
        _set("resolvers", "ipv4_addr", policy.resolvers),
        _set("blocked", "ipv4_addr; flags interval; auto-merge", policy.blocked),
        _set("uplinks", "ifname", tuple(f'"{uplink}"' for uplink in policy.uplinks)),
        "chain input { type filter hook input priority -20; policy accept;",
        f"iifname != {ours} return",
        "meta nfproto != ipv4 drop",
        "iifname . ip saddr != @servers drop",
        "ct state established,related accept",
        "ip saddr . ip daddr . tcp dport @hubs accept",
        "reject with icmpx admin-prohibited",
        "}",
        "chain forward { type filter hook forward priority -20; policy accept;",
        f"oifname {ours} ct state established,related accept",
        f"oifname {ours} drop",
        f"iifname != {ours} return",
        "meta nfproto != ipv4 drop",
        "iifname . ip saddr != @servers drop",
        "ip daddr @resolvers meta l4proto { tcp, udp } th dport 53 accept",
        "ip daddr @blocked reject with icmpx admin-prohibited",
        f"ip daddr {policy.addresses} reject with icmpx admin-prohibited",
        "oifname @uplinks accept",
        "reject with icmpx admin-prohibited",
        "}",
        "chain outside { type nat hook postrouting priority 100; policy accept;",
        f"ip saddr {policy.addresses} oifname @uplinks masquerade",
        f"ip saddr {policy.addresses} ip daddr @resolvers masquerade",
        "}",
        "}",
    ]
    return "\n".join([*lines, *(line for facts in servers for line in _elements(policy, "add", facts))]) + "\n"


def let_in(policy: Policy, facts: Mapping[str, str]) -> str:
    """Return what makes the rules know a server."""
    return "\n".join(_elements(policy, "add", facts)) + "\n"


def forget(policy: Policy, facts: Mapping[str, str]) -> str:
    """Return what makes the rules forget a server, known or not (one transaction, so adding it first is no gap)."""
    return "\n".join([*_elements(policy, "add", facts), *_elements(policy, "delete", facts)]) + "\n"


def remove(policy: Policy) -> str:
    """Return what removes all rules, there or not."""
    return f"add table inet {policy.table}\ndelete table inet {policy.table}\n"


def _elements(policy: Policy, verb: str, facts: Mapping[str, str]) -> list[str]:
    address = facts["address"]
    return [
        f'{verb} element inet {policy.table} servers {{ "{facts["interface"]}" . {address} }}',
        f"{verb} element inet {policy.table} hubs {{ {address} . {facts['hub_address']} . {facts['hub_port']} }}",
    ]


def _set(name: str, kind: str, elements: tuple[str, ...]) -> str:
    listed = f" elements = {{ {', '.join(elements)} }}" if elements else ""
    return f"set {name} {{ type {kind};{listed} }}"
