"""When each route was last used: from HAProxy's stick tables, as near as they tell.

configurable-http-proxy counts answers below 300; HAProxy notes the start of every request, and a connection that is
open counts as used now. What HAProxy forgot by a restart counts from when this program last saw it, or from when the
route was added. JupyterHub itself does not read these times.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hubfleet.errors import ProtocolError
from hubfleet.model.settings.routes import RoutedHub
from hubfleet.routes.haproxy import ACTIVITY_KEPT_S, ACTIVITY_TABLE
from hubfleet.routes.journal import Route
from hubfleet.routes.keys import activity_id, key_of
from hubfleet.routes.table import Table


class Activity:
    """Asks every HAProxy, and remembers what they said."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._last: dict[str, datetime] = {}

    async def of(self, hub: RoutedHub, routes: Sequence[Route]) -> dict[str, datetime]:
        """Return for each route's path when it was last used, or added."""
        await self._ask()
        found = {}
        for route in routes:
            used = self._last.get(activity_id(key_of(hub, route.path)))
            found[route.path] = max(used, route.added_at) if used else route.added_at
        return found

    async def _ask(self) -> None:
        now = datetime.now(UTC)
        for replica in self._table.replicas:
            if not replica.reached:
                continue
            try:
                idle = await replica.socket.idle_seconds(ACTIVITY_TABLE, ACTIVITY_KEPT_S)
            except ProtocolError:
                continue
            for key, seconds in idle.items():
                used = now - timedelta(seconds=seconds)
                self._last[key] = max(used, self._last.get(key, used))
