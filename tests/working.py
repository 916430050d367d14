"""Somebody at a real server of an agent, running code in a notebook."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agents import AgentProgram, reached, server_id, server_request
from hubfleet.protocol.messages import ServerState, StopReason
from notebooks import execute, start_kernel


class Person:
    """Somebody at a running server."""

    def __init__(self, name: str, url: str, kernel: str) -> None:
        self._name, self._url, self._kernel = name, url, kernel

    async def run(self, code: str) -> str:
        """Run code in a notebook and return what it printed."""
        token = f"owner-of-{self._name}"
        return (await execute(self._url, f"/user/{self._name}/", token, self._kernel, code)).strip()


@asynccontextmanager
async def at_work(program: AgentProgram, name: str, **more: object) -> AsyncIterator[Person]:
    """Start somebody's server, and stop it after the block."""
    client = program.client("ocean")
    server = server_id("ocean", name)
    await client.start_server(server, server_request("ocean", name, **more), idempotency_key=os.urandom(4).hex())
    try:
        running = await reached(client, server, ServerState.RUNNING)
        yield Person(name, running.url, await start_kernel(running.url, f"/user/{name}/", f"owner-of-{name}"))
    finally:
        await client.stop_server(server, StopReason.PERSON)
        await reached(client, server, ServerState.STOPPED)
        await client.close()
