"""A server that nobody has is stopped after five minutes, and no other."""

from typing import cast

from hubfleet.hub.context import HubContext
from hubfleet.hub.strays import PATIENCE_S, Collector
from hubfleet.testing.clock import FakeClock


class Known:
    """A hub that knows some servers."""

    def __init__(self, *servers: str) -> None:
        self.servers = set(servers)

    def known(self) -> frozenset[str]:
        return frozenset(self.servers)


def test_a_stray_is_found_after_five_minutes() -> None:
    """Not at once, since the hub may just be starting it."""
    clock = FakeClock()
    collector = Collector(cast(HubContext, Known("mine")), clock=clock)
    assert collector.strays(frozenset({"mine", "stray"})) == []
    clock.advance(PATIENCE_S - 1)
    assert collector.strays(frozenset({"mine", "stray"})) == []
    clock.advance(1)
    assert collector.strays(frozenset({"mine", "stray"})) == ["stray"]


def test_a_server_that_becomes_known_in_time_is_left_alone() -> None:
    """The five minutes begin anew."""
    clock, hub = FakeClock(), Known()
    collector = Collector(cast(HubContext, hub), clock=clock)
    collector.strays(frozenset({"s1"}))
    clock.advance(PATIENCE_S - 1)
    hub.servers.add("s1")
    collector.strays(frozenset({"s1"}))
    hub.servers.clear()
    collector.strays(frozenset({"s1"}))
    clock.advance(PATIENCE_S - 1)
    assert collector.strays(frozenset({"s1"})) == []
