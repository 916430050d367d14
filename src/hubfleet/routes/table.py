"""All routes of all hubs: changed in one place, kept on disk first, then told to every HAProxy.

Changes that come together are kept by one flush to the disk and told in one go.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hubfleet._kit.aio import background, guarded
from hubfleet._kit.files import write_atomic
from hubfleet.errors import HubfleetError, StateError
from hubfleet.model.settings.routes import Https, RoutedHub, RoutesSettings
from hubfleet.routes import keys
from hubfleet.routes.journal import Change, Gone, Journal, Route
from hubfleet.routes.replica import Replica
from hubfleet.routes.runtime import RuntimeSocket

_log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.25
"""How soon a HAProxy that started anew is noticed. It has the map file, so that this only repairs."""


@dataclass
class _Wish:
    """A change that waits for its turn."""

    hub: RoutedHub
    change: Change
    done: asyncio.Future[bool] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Table:
    """The routes, and the only one who changes them."""

    def __init__(self, settings: RoutesSettings) -> None:
        self._settings = settings
        self._journals: dict[str, Journal] = {}
        self._routes: dict[str, dict[str, Route]] = {}
        self._lines: dict[str, str] = {}
        self._number = 0
        self._wishes: asyncio.Queue[_Wish] = asyncio.Queue()
        self._map_changed = asyncio.Event()
        folders = [Path(one.https.certificates) for one in settings.listen if isinstance(one.https, Https)]
        self.replicas = [
            Replica(RuntimeSocket(Path(path)), settings.map_path, self._snapshot, list(dict.fromkeys(folders)))
            for path in (settings.runtime_socket, *settings.other_runtime_sockets)
        ]

    def load(self) -> None:
        """Read what each hub had; blocks."""
        folder = Path(self._settings.state_folder)
        folder.mkdir(parents=True, exist_ok=True)
        for hub in self._settings.hubs:
            journal = self._journals[hub.name] = Journal(folder / f"routes-{hub.name}.jsonl")
            self._routes[hub.name] = {}
            for path, route in journal.load().items():
                try:
                    key, value = self._line(hub, route)
                except HubfleetError as error:
                    _log.warning("route %s of hub %s is left out: %s", path, hub.name, error)
                    continue
                self._routes[hub.name][path] = route
                self._lines[key] = value
        self._write_map()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Carry out changes and watch every HAProxy for the length of a block."""
        async with AsyncExitStack() as stack:
            for replica in self.replicas:
                look = guarded(f"watch {replica.socket.path}", replica.look, every_s=LOOK_EVERY_S)
                await stack.enter_async_context(background(watch=look))
            await stack.enter_async_context(
                background(
                    changes=guarded("changes", self._carry_out_next, every_s=0),
                    map_file=guarded("map file", self._keep_map_file, every_s=0.2),
                )
            )
            yield
            await asyncio.to_thread(self._write_map)

    def routes(self, hub: RoutedHub) -> Mapping[str, Route]:
        """Return a hub's routes by path."""
        return self._routes[hub.name]

    async def add(self, hub: RoutedHub, route: Route) -> None:
        """Add or replace a route; returns when it is on disk and every HAProxy that is there was told.

        Raises:
            BadRouteError: such a route can't be.
            ForeignRouteError: it is not this hub's to have.
            StateError: the disk does not take it; nothing changed.
        """
        self._line(hub, route)
        await self._wish(hub, route)

    async def remove(self, hub: RoutedHub, path: str) -> bool:
        """Remove a route as `add` adds one, and say whether there was one.

        Raises:
            StateError: the disk does not take it; nothing changed.
        """
        return await self._wish(hub, Gone(gone=path))

    async def _wish(self, hub: RoutedHub, change: Change) -> bool:
        wish = _Wish(hub, change)
        self._wishes.put_nowait(wish)
        return await wish.done

    async def _carry_out_next(self) -> None:
        wishes = [await self._wishes.get()]
        while not self._wishes.empty():
            wishes.append(self._wishes.get_nowait())
        by_hub: dict[str, list[_Wish]] = {}
        for wish in wishes:
            by_hub.setdefault(wish.hub.name, []).append(wish)
        kept: list[tuple[_Wish, bool]] = []
        changes: list[tuple[str, str, str]] = []
        for name, of_hub in by_hub.items():
            try:
                await asyncio.to_thread(self._journals[name].append, [wish.change for wish in of_hub])
            except OSError as error:
                _refuse(of_hub, error)
                continue
            for wish in of_hub:
                existed = self._apply(wish, changes)
                kept.append((wish, existed))
            if self._journals[name].long(len(self._routes[name])):
                await asyncio.to_thread(self._journals[name].write, dict(self._routes[name]))
        self._number += 1
        self._map_changed.set()
        await asyncio.gather(*(replica.tell(self._number, changes) for replica in self.replicas))
        for wish, existed in kept:
            if not wish.done.done():
                wish.done.set_result(existed)

    def _apply(self, wish: _Wish, changes: list[tuple[str, str, str]]) -> bool:
        routes = self._routes[wish.hub.name]
        if isinstance(wish.change, Gone):
            route = routes.pop(wish.change.gone, None)
            if route is None:
                return False
            key, _ = self._line(wish.hub, route)
            if self._lines.pop(key, None) is not None:
                changes.append(("del", key, ""))
            return True
        key, value = self._line(wish.hub, wish.change)
        existed = wish.change.path in routes
        routes[wish.change.path] = wish.change
        if self._lines.get(key) != value:
            changes.append(("set" if key in self._lines else "add", key, value))
        self._lines[key] = value
        return existed

    def _line(self, hub: RoutedHub, route: Route) -> tuple[str, str]:
        key = keys.key_of(hub, keys.clean_path(route.path))
        target = keys.read_target(route.target)
        networks = hub.targets or self._settings.targets
        keys.check_target(target, networks, tls_allowed=self._settings.target_ca is not None)
        return key, keys.map_value(keys.kind_of(route.path, dict(route.data)), target, key)

    def _snapshot(self) -> tuple[int, Mapping[str, str]]:
        return self._number, self._lines

    async def _keep_map_file(self) -> None:
        await self._map_changed.wait()
        self._map_changed.clear()
        await asyncio.to_thread(self._write_map)

    def _write_map(self) -> None:
        lines = list(self._lines.items())
        write_atomic(Path(self._settings.map_path), "".join(f"{key} {value}\n" for key, value in lines))


def _refuse(wishes: Sequence[_Wish], error: OSError) -> None:
    _log.error("a change of routes cannot be kept: %s", error)
    for wish in wishes:
        if not wish.done.done():
            wish.done.set_exception(StateError(f"routes cannot be kept: {error.strerror}"))
