"""Collects servers that run on a cluster and that no person of the hub has: nothing is left behind.

Only a whole list that the cluster confirmed counts, and only after five minutes, so that a server which is being
started, or a hub that has just begun, costs nobody a server.
"""

import asyncio
import logging
from collections.abc import Callable

from hubfleet._kit.clock import Clock, SystemClock
from hubfleet.hub.agents import AgentLink
from hubfleet.hub.context import HubContext
from hubfleet.hub.stops import Stop
from hubfleet.protocol.messages import StopReason

_log = logging.getLogger(__name__)

PATIENCE_S = 300.0


class Collector:
    """Remembers since when a server has been unknown."""

    def __init__(self, context: HubContext, *, clock: Clock | None = None) -> None:
        self._context = context
        self._clock = clock or SystemClock()
        self._unknown: dict[str, float] = {}

    def listener(self, link: AgentLink) -> Callable[[frozenset[str]], None]:
        """Return what to call with each whole list of one cluster."""

        def look(live: frozenset[str]) -> None:
            for server in self.strays(live):
                _log.warning("server %s on cluster %s belongs to nobody here; it is stopped", server, link.cluster)
                stop = Stop(link.cluster, server, StopReason.STRAY, None)
                self._context.keep(asyncio.ensure_future(self._context.stops.carry_out(stop, link)))

        return look

    def strays(self, live: frozenset[str]) -> list[str]:
        """Return which of these servers have been unknown for too long."""
        now, known = self._clock.monotonic(), self._context.known()
        unknown = live - known
        for server in list(self._unknown):
            if server in known:
                del self._unknown[server]
        for server in unknown:
            self._unknown.setdefault(server, now)
        return sorted(server for server in unknown if now - self._unknown[server] >= PATIENCE_S)
