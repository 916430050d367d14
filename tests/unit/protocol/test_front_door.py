"""The front door's client, against something that listens."""

import asyncio
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from hubfleet.errors import ProtocolError
from hubfleet.protocol.front_door import FrontDoor
from hubfleet.routes.certificates import self_signed

pytestmark = pytest.mark.anyio

CHANNELS = "/user/ann/api/kernels/1/channels"
HOST = "ocean.hubs.test"


def test_the_time_for_a_kernel_counts_from_the_first_word() -> None:
    """A server answers the handshake only once the kernel does, so neither has a limit of its own."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        door = FrontDoor("http://ocean.localhost:8000", "ocean.localhost", silent.getsockname())
        began = time.monotonic()
        with pytest.raises(ProtocolError, match=r"does not run code: no answer in 0\.2 s"):
            door.execute(CHANNELS, "1", token="t", timeout_s=0.2)
    assert time.monotonic() - began < 5


async def _kernel(channel: ServerConnection) -> None:
    """Answer each cell with its own code, between messages for others."""
    async for message in channel:
        asked = json.loads(message)
        for parent in ({"msg_id": "another's"}, asked["header"]):
            for kind, content in (
                ("stream", {"name": "stdout", "text": asked["content"]["code"]}),
                ("status", {"execution_state": "idle"}),
            ):
                answer = {"header": {"msg_type": kind}, "parent_header": parent, "content": content}
                await channel.send(json.dumps(answer))


def _secured(certificate: Path) -> ssl.SSLContext:
    certificate.write_text(self_signed([HOST]))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def _ok(connection: ServerConnection, request: Request) -> Response | None:
    """Answer what is no websocket."""
    return None if "Upgrade" in request.headers else connection.respond(200, "here")


@asynccontextmanager
async def _front(scheme: str, context: ssl.SSLContext | None) -> AsyncIterator[FrontDoor]:
    """A front door with one kernel behind it."""
    async with serve(_kernel, "127.0.0.1", 0, ssl=context, process_request=_ok) as server:
        (listener,) = server.sockets
        yield FrontDoor(f"{scheme}://{HOST}:8443", HOST, listener.getsockname())


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_cell_gives_its_own_outputs(scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two at once, whatever proxy the environment names: the front door is dialled."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    async with _front(scheme, _secured(tmp_path / "own.pem") if scheme == "https" else None) as door:
        assert (await asyncio.to_thread(door.get, "/")).text == "here"

        async def cells() -> list[str]:
            ran = [await asyncio.to_thread(door.execute, CHANNELS, str(n), token="t") for n in range(3)]
            return [outputs[0]["text"] for outputs in ran]

        assert await asyncio.gather(*(cells() for _ in range(2))) == [[str(n) for n in range(3)]] * 2
