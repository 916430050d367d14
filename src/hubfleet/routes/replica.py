"""One HAProxy, kept to what the table says: told of each change, told all when it started anew or was away."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hubfleet.errors import ProtocolError
from hubfleet.routes.certificates import CertificateFolder
from hubfleet.routes.runtime import RuntimeSocket

_log = logging.getLogger(__name__)

Snapshot = Callable[[], tuple[int, Mapping[str, str]]]
"""Gives the number of the last change, and the whole map after it."""


class Replica:
    """One HAProxy."""

    def __init__(self, socket: RuntimeSocket, map_name: str, snapshot: Snapshot, folders: Sequence[Path] = ()) -> None:
        self.socket = socket
        self._map = map_name
        self._snapshot = snapshot
        self._folders = [CertificateFolder(folder, socket) for folder in folders]
        self._lock = asyncio.Lock()
        self._worker: int | None = None
        self._told = 0

    @property
    def reached(self) -> bool:
        """Whether it had all changes when it was last looked at."""
        return self._worker is not None

    async def tell(self, number: int, changes: Sequence[tuple[str, str, str]]) -> None:
        """Tell it changes of the map; one that does not take them is told all by the next `look`."""
        async with self._lock:
            if self._worker is None or number <= self._told:
                return
            try:
                await self.socket.change_map(self._map, changes)
                self._told = number
            except ProtocolError as error:
                _log.warning("%s; it is told all routes anew", error)
                self._worker = None

    async def look(self) -> None:
        """See whether it is there and the one it was; if not, tell it all."""
        async with self._lock:
            try:
                worker = await self.socket.worker()
                if worker != self._worker:
                    await self._tell_all(worker)
                for folder in self._folders:
                    await folder.tell()
            except ProtocolError as error:
                if self._worker is not None:
                    _log.warning("%s; it is told all routes when it is back", error)
                self._worker = None

    async def _tell_all(self, worker: int) -> None:
        number, lines = self._snapshot()
        await self.socket.replace_map(self._map, list(lines.items()))
        for folder in self._folders:
            folder.forget()
        self._worker, self._told = worker, number
        _log.info("HAProxy %d on %s was told %d routes", worker, self.socket.path, len(lines))
