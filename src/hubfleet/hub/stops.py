"""Stops that could not be carried out yet: kept on disk, tried again until the agent confirms them.

JupyterHub forgets a server once `stop()` returns, whatever it raises, so the wish must be remembered here.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hubfleet._kit.files import write_atomic
from hubfleet.errors import ProtocolError, RefusedError, StateError
from hubfleet.hub.agents import AgentLink
from hubfleet.protocol.messages import StopReason

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stop:
    """A wish that a server, as started then or earlier, ends."""

    cluster: str
    server: str
    reason: StopReason
    generation: datetime | None


class Stops:
    """The wishes of one hub."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: dict[str, Stop] = {}
        try:
            rows = json.loads(path.read_text())
        except FileNotFoundError:
            return
        except ValueError:
            _log.error("%s is damaged; stops that were to be tried again are lost, the agent's list finds them", path)
            return
        self._open = {row["server"]: _stop(row) for row in rows}

    def __len__(self) -> int:
        return len(self._open)

    async def carry_out(self, stop: Stop, link: AgentLink) -> bool:
        """Ask the agent to stop a server; keep the wish if that is not possible just now. Never raises for that."""
        self._open[stop.server] = stop
        self._save()
        return await self._try(stop, link)

    async def try_again(self, links: Mapping[str, AgentLink]) -> None:
        """Carry out what is still open."""
        for stop in list(self._open.values()):
            link = links.get(stop.cluster)
            if link is None or await self._try(stop, link):
                self._forget(stop)

    def withdraw(self, server: str) -> None:
        """Forget a wish, since its server is wanted again."""
        stop = self._open.get(server)
        if stop is not None:
            self._forget(stop)

    async def _try(self, stop: Stop, link: AgentLink) -> bool:
        try:
            link.note(await link.client.stop_server(stop.server, stop.reason, generation=stop.generation))
        except RefusedError as error:
            if error.status not in {404, 409}:
                _log.warning("server %s is to be stopped later: %s", stop.server, error)
                return False
        except ProtocolError as error:
            _log.warning("server %s is to be stopped later: %s", stop.server, error)
            return False
        self._forget(stop)
        return True

    def _forget(self, stop: Stop) -> None:
        if self._open.get(stop.server) == stop:
            del self._open[stop.server]
            self._save()

    def _save(self) -> None:
        rows = [
            {
                "cluster": stop.cluster,
                "server": stop.server,
                "reason": stop.reason.value,
                "generation": stop.generation.isoformat() if stop.generation else None,
            }
            for stop in self._open.values()
        ]
        try:
            write_atomic(self._path, json.dumps(rows, indent=1), mode=0o600)
        except StateError as error:
            # carried out all the same, only not after a crash of the hub in between
            _log.error("wishes to stop servers cannot be kept: %s", error)


def _stop(row: dict[str, str | None]) -> Stop:
    generation = row["generation"]
    return Stop(
        cluster=str(row["cluster"]),
        server=str(row["server"]),
        reason=StopReason(str(row["reason"])),
        generation=datetime.fromisoformat(generation) if generation else None,
    )
