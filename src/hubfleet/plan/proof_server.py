"""The server on which something is proven: started through the front door by JupyterHub's API, and stopped again."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from hubfleet.errors import ProofError, RefusedError
from hubfleet.protocol.front_door import FrontDoor

START_S = 180.0
STOP_S = 60.0
LOOK_S = 0.1


@dataclass(frozen=True)
class ProofServer:
    """One server of one person."""

    door: FrontDoor
    token: str
    """Of somebody who may start, see and stop the person's servers."""
    person: str
    name: str = ""
    """Empty: the person's default server."""
    start_s: float = START_S

    def start(self, options: Mapping[str, str]) -> tuple[str, str]:
        """Start it, wait until it is ready, and return its path and host; what runs there goes first.

        Raises:
            ProofError: it did not start in time.
            RefusedError: the hub does not start it.
        """
        self.stop()
        self.door.call("POST", self._path, token=self.token, body=dict(options))
        end = time.monotonic() + self.start_s
        while time.monotonic() < end:
            server = self.state()
            if server is None:
                raise ProofError(
                    f"{self.door.url}: the server did not start",
                    hint="hubfleet logs of the hub and its agent say why, and the hub's own page does",
                )
            if server.get("ready"):
                url = urlsplit(str(server.get("full_url") or server["url"]))
                return url.path, url.netloc
            time.sleep(LOOK_S)
        raise ProofError(f"{self.door.url}: the server was not ready within {self.start_s:g} s")

    def state(self) -> Mapping[str, Any] | None:
        """Return what the hub says of it; None: it neither runs nor starts."""
        user = self.door.call("GET", f"/hub/api/users/{quote(self.person, safe='')}", token=self.token)
        found = (user.get("servers") or {}).get(self.name)
        # a named server that was stopped is listed on, until it is removed
        running = isinstance(found, Mapping) and not found.get("stopped")
        return found if running else None

    def stop(self) -> None:
        """End it and wait for its end; one with a name is forgotten too.

        Raises:
            ProofError: it did not end in time.
        """
        end = time.monotonic() + STOP_S
        while self.state() is not None:
            if time.monotonic() > end:
                raise ProofError(f"{self.door.url}: the proof's server did not stop within {STOP_S:g} s")
            self._delete({})
            time.sleep(LOOK_S)
        if self.name:
            self._delete({"remove": True})

    def _delete(self, body: Mapping[str, bool]) -> None:
        try:
            self.door.call("DELETE", self._path, token=self.token, body=body)
        except RefusedError as error:
            if error.status not in {400, 404}:
                raise

    @property
    def _path(self) -> str:
        person = f"/hub/api/users/{quote(self.person, safe='')}"
        return f"{person}/servers/{quote(self.name, safe='')}" if self.name else f"{person}/server"
