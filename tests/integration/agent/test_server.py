"""A real single-user server, started by a real agent over its unix socket."""

from pathlib import Path

import anyio
import pytest

from agents import FakeHub, agent, reached, server_id, server_request
from hubfleet.agent import readiness
from hubfleet.protocol.messages import ServerState, StopReason

pytestmark = [pytest.mark.integration, pytest.mark.anyio]


async def test_a_put_starts_a_server_that_answers_and_a_stop_ends_it(tmp_path: Path) -> None:
    """`PUT /v1/servers/{id}` starts JupyterLab in a sandbox, and a stop ends it with the reason."""
    with FakeHub() as hub, agent(tmp_path, {"ocean": hub}) as program:
        client = program.client("ocean")
        server = server_id("ocean", "ann")
        answer = await client.start_server(server, server_request("ocean", "ann"), idempotency_key="one")
        assert answer.api_token.get_secret_value() == "token-of-ann"
        running = await reached(client, server, ServerState.RUNNING)
        assert await readiness.answers(running.url, "/user/ann/api")
        await client.stop_server(server, StopReason.PERSON)
        stopped = await reached(client, server, ServerState.STOPPED)
        assert stopped.reason is StopReason.PERSON
        with anyio.fail_after(5):
            assert not await readiness.answers(running.url, "/user/ann/api")
        await client.close()
