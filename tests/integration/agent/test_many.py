"""Five hundred starts at once against a real agent: a bounded queue, a clear no to the rest, all of them in the end."""

import json
from collections import Counter
from pathlib import Path

import anyio
import httpx
import pytest

from agents import AgentProgram, FakeHub, agent, server_id, server_request
from hubfleet.agent import readiness
from hubfleet.agent.records import request_to_json
from hubfleet.protocol.client import LIMITS
from hubfleet.protocol.messages import ServerRequest, ServerState
from hubfleet.protocol.signing import sign

pytestmark = [pytest.mark.integration, pytest.mark.anyio]
PEOPLE = [f"p{count}" for count in range(500)]
STARTS, QUEUE = 4, 60


async def _put(http: httpx.AsyncClient, program: AgentProgram, wanted: ServerRequest) -> httpx.Response:
    path, body = f"/v1/servers/{server_id('ocean', wanted.person)}", request_to_json(wanted).encode()
    signed = sign(program.keys["ocean"], audience="here", method="PUT", path=path, body=body)
    headers = {"Authorization": signed, "Content-Type": "application/json", "Idempotency-Key": wanted.person}
    return await http.put(path, content=body, headers=headers)


async def test_five_hundred_starts_at_once_all_run_in_the_end(tmp_path: Path) -> None:
    """Never more wait than allowed; the others get 429 with Retry-After, and a place when they ask again."""
    ceilings = {"servers": len(PEOPLE), "starts": STARTS, "queue": QUEUE}
    with FakeHub() as hub, agent(tmp_path, {"ocean": hub}, launcher="in-process", ceilings=ceilings) as program:
        transport = httpx.AsyncHTTPTransport(uds=program.socket, limits=LIMITS)
        client = program.client("ocean")
        async with httpx.AsyncClient(transport=transport, base_url="http://agent", timeout=60) as http:
            wanted = {person: server_request("ocean", person) for person in PEOPLE}
            refused, most_waiting = 0, 0

            async def start(person: str) -> None:
                nonlocal refused
                answer = await _put(http, program, wanted[person])
                while answer.status_code == 429:
                    refused += 1
                    assert int(answer.headers["retry-after"]) > 0
                    assert json.loads(answer.text)["hint"]
                    await anyio.sleep(0.5)
                    answer = await _put(http, program, wanted[person])
                assert answer.status_code in {200, 201}, answer.text

            with anyio.fail_after(120):
                async with anyio.create_task_group() as tasks:
                    for person in PEOPLE:
                        tasks.start_soon(start, person)
                    states: Counter[ServerState] = Counter()
                    while states[ServerState.RUNNING] < len(PEOPLE):
                        await anyio.sleep(0.1)
                        states = Counter(server.state for server in (await client.servers()).servers)
                        most_waiting = max(most_waiting, states[ServerState.QUEUED] + states[ServerState.STARTING])
        assert refused > 0
        assert 0 < most_waiting <= STARTS * 2 + QUEUE
        listed = (await client.servers()).servers
        assert len({server.url for server in listed}) == len(listed) == len(PEOPLE)
        assert all([await readiness.answers(server.url, f"/user/{server.person}/api") for server in listed])
        await client.close()
