"""Ranges for servers: kept once chosen, and never one that the machine has or routes elsewhere."""

from ipaddress import IPv4Network
from pathlib import Path

from hubfleet.platforms.machine import networks

ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""
TRIE = """Local:
  +-- 0.0.0.0/0 3 0 5
     |-- 10.217.17.1
        /32 host LOCAL
     +-- 127.0.0.0/8 2 0 2
           |-- 127.0.0.0
              /32 link BROADCAST
              /8 host LOCAL
"""


def test_the_routing_table_is_read_without_the_default_route() -> None:
    """A default route does not take everything."""
    assert networks.routed(ROUTES) == [IPv4Network("192.0.2.0/24")]


def test_the_machines_own_addresses_are_read() -> None:
    """Another fleet's address on this machine has no route of its own, and counts."""
    assert networks.local(TRIE) == [IPv4Network("10.217.17.1/32")]


def test_a_range_that_was_kept_stays(tmp_path: Path) -> None:
    """Servers that run must find their hub again."""
    networks.keep(tmp_path / "network", IPv4Network("10.200.0.0/16"))
    assert networks.network(tmp_path / "network", start="x") == IPv4Network("10.200.0.0/16")


def test_two_fleets_seldom_begin_at_one_range(tmp_path: Path) -> None:
    """Different data folders give different ranges."""
    ranges = {networks.network(tmp_path / "none", start=f"/data/{number}") for number in range(20)}
    assert len(ranges) > 10
