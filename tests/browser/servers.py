"""What the operator of a machine does to people's servers, for tests of what they then see."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from hubfleet.protocol.client import AgentClient
from hubfleet.protocol.messages import StopReason
from hubfleet.protocol.signing import CallerKey
from machines import CLUSTER, Machine


def stop(machine: Machine, hub: str, person: str, reason: StopReason) -> None:
    """Stop somebody's servers for a reason, and wait until they are gone."""
    # in a thread of its own, since Playwright's loop runs in this one
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _stop(machine, hub, person, reason)).result()


async def _stop(machine: Machine, hub: str, person: str, reason: StopReason) -> None:
    key = CallerKey("operator", machine.secret("operator", "agent-key"))
    socket = f"unix:{machine.data}/run/agent-{CLUSTER}.sock"
    client = AgentClient(socket, cluster=CLUSTER, key=key)

    async def live() -> list[str]:
        servers = (await client.servers()).servers
        return [server.id for server in servers if server.state.live and (server.hub, server.person) == (hub, person)]

    try:
        async with asyncio.timeout(30):
            for server in await live():
                await client.stop_server(server, reason)
            while await live():
                await asyncio.sleep(0.05)
    finally:
        await client.close()
