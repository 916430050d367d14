"""Pretended servers inside the agent's own process: for tests, and for measuring hubs with hundreds of servers."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from hubfleet.agent.launchers.base import HasCapacity, Health, Launcher, LauncherState, LaunchRequest
from hubfleet.errors import TemporaryLaunchError
from hubfleet.protocol.messages import Ability, Capacity, StopReason

_WHY = "pretended servers run nobody's code"


@dataclass
class _Pretended:
    """One pretended server."""

    server: asyncio.Server
    port: int
    prefix: str
    log: list[str]


class InProcessLauncher(Launcher, HasCapacity):
    """Starts tiny HTTP servers on loopback that answer each request with what was asked."""

    name = "in-process"

    def __init__(self) -> None:
        """Make a launcher without servers."""
        self._running: dict[str, _Pretended] = {}
        self._logs: dict[str, list[str]] = {}

    async def start(self, request: LaunchRequest) -> AsyncIterator[LauncherState]:
        """Listen on a free port."""
        yield LauncherState(request.server, "reserving a place", 10)
        if request.server in self._running:
            raise TemporaryLaunchError("the server's last run is still there")
        prefix = request.request.variables.get("JUPYTERHUB_SERVICE_PREFIX", f"/user/{request.request.person}/")
        log = self._logs[request.server] = [f"pretending to be {prefix}"]

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await _answer(reader, writer, log)

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = int(server.sockets[0].getsockname()[1])
        self._running[request.server] = _Pretended(server, port, prefix, log)
        yield LauncherState(
            request.server, "starting the server", 60, {"port": str(port)}, url=f"http://127.0.0.1:{port}"
        )

    async def check(self, states: Sequence[LauncherState]) -> Mapping[str, Health]:
        """Look which are listening."""
        gone = Health("gone", StopReason.EXITED, "the server ended by itself", "start it again")
        return {state.server: Health("running") if state.server in self._running else gone for state in states}

    async def stop(self, state: LauncherState, *, grace_s: float = 10.0) -> None:
        """Stop listening and cut all connections."""
        found = self._running.pop(state.server, None)
        if found is not None:
            found.server.close()
            if hasattr(found.server, "abort_clients"):
                found.server.abort_clients()

    async def adopt(self) -> Sequence[LauncherState]:
        """Return what listens; after a restart of the agent that is nothing."""
        return [
            LauncherState(server, "found", 60, {"port": str(found.port)}, url=f"http://127.0.0.1:{found.port}")
            for server, found in self._running.items()
        ]

    async def logs(self, state: LauncherState, *, lines: int = 200) -> str:
        """Return the requests that were seen."""
        return "\n".join(self._logs.get(state.server, [])[-lines:])

    async def forget(self, server: str) -> None:
        """Forget the requests that were seen."""
        self._logs.pop(server, None)

    async def abilities(self) -> Sequence[Ability]:
        """Say that nothing is kept apart, since nothing of anybody's runs."""
        names = ("sandbox", "own-uids", "network", "memory-limit", "cpu-limit", "process-limit")
        return [Ability.model_validate({"name": name, "state": "none", "detail": _WHY}) for name in names]

    async def capacity(self) -> Capacity:
        """Return more than anybody asks for."""
        return Capacity(cpu=10_000, memory_gib=100_000)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log: list[str]) -> None:
    with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, path, _ = [*head.partition("\r\n")[0].split(" "), "", "", ""][:3]
            del log[1000:]
            log.append(f"{method} {path}")
            body = json.dumps({"method": method, "path": path, "version": "in-process"}).encode()
            head_lines = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head_lines.encode() + (b"" if method == "HEAD" else body))
            await writer.drain()
    writer.close()
