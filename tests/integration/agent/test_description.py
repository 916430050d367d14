"""The agent's API against its own OpenAPI document, with requests that schemathesis makes up."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
import schemathesis
import uvicorn
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from starlette.types import Receive, Scope, Send

from fake_agent import World
from hubfleet._kit.clock import SystemClock
from hubfleet.agent.api.guard import CALLER
from hubfleet.protocol.signing import Caller

pytestmark = [pytest.mark.integration, pytest.mark.slow]


class _AsHub:
    """Lets requests through as if a hub had signed them."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[CALLER] = Caller(name="hub-ocean", role="hub", hub="ocean", public_key="{}")
        await self._app(scope, receive, send)


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[schemathesis.BaseSchema]:
    world = World(tmp_path_factory.mktemp("agent"), clock=SystemClock())
    ready = threading.Event()
    made: list[uvicorn.Server] = []

    async def serve() -> None:
        async with world.agent() as running:
            config = uvicorn.Config(_AsHub(running.agent.bare), lifespan="off", log_config=None)
            made.append(uvicorn.Server(config))
            ready.set()
            await made[0].serve(sockets=[listener])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        thread = threading.Thread(target=lambda: asyncio.run(serve()))
        thread.start()
        assert ready.wait(20)
        loaded = schemathesis.openapi.from_url(f"http://127.0.0.1:{port}/v1/openapi.json")
        # an endless stream is no answer to wait for: tests/unit/agent/test_api.py has tests of its own for these
        yield loaded.exclude(path_regex="events$")
        made[0].should_exit = True
        thread.join()


def test_each_answer_is_as_described(described: schemathesis.BaseSchema) -> None:
    """Status, media type and body of each answer are in the description, and none is a fault of ours."""
    tried = 0
    for found in described.get_all_operations():
        operation = found.ok()

        @settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def each(case: schemathesis.Case) -> None:
            case.call_and_validate()

        each()
        tried += 1
    assert tried > 10
