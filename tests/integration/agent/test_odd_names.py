"""Real servers whose people and names are shell words: they run, apart, and nothing of a name is carried out."""

import os
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest

from agents import FakeHub, agent, processes_with, reached, server_id, server_request
from hubfleet.agent import readiness
from hubfleet.protocol.messages import ServerState, StopReason

pytestmark = [pytest.mark.integration, pytest.mark.anyio]
MADE = f"made-{os.urandom(4).hex()}"
PERSON = f"o'neil; touch {MADE} $(touch {MADE}) `touch {MADE}` | tee {MADE} &"


async def test_names_that_are_shell_words_are_only_names(tmp_path: Path) -> None:
    """Two servers, whose names some escapings take for one, answer each at its own path."""
    with FakeHub() as hub, agent(tmp_path, {"ocean": hub}) as program:
        client = program.client("ocean")
        servers = {name: server_id("ocean", PERSON, name) for name in ("a-b", "a--b")}
        for name, server in servers.items():
            request = server_request("ocean", PERSON, name=name)
            prefix = f"/user/{quote(PERSON, safe='')}/{name}/"
            variables = {**request.variables, "JUPYTERHUB_SERVICE_PREFIX": prefix, "EVIL": PERSON}
            request = request.model_copy(update={"variables": variables})
            await client.start_server(server, request, idempotency_key=name)
        running = {name: await reached(client, server, ServerState.RUNNING) for name, server in servers.items()}
        for name, found in running.items():
            assert found.server_name == name
            assert await readiness.answers(found.url, f"/user/{quote(PERSON, safe='')}/{name}/api")
            assert "JupyterHub" in await client.logs(servers[name])
        assert running["a-b"].url != running["a--b"].url
        assert _arguments_with(MADE) == []
        for server in servers.values():
            await client.stop_server(server, StopReason.PERSON)
        for server in servers.values():
            await reached(client, server, ServerState.STOPPED)
        await client.close()
        assert list(program.folder.rglob(MADE)) == []


def _arguments_with(text: str) -> list[int]:
    """Return the processes that have a text in their arguments."""
    found = []
    for named in processes_with(text):
        with suppress(OSError):
            if text.encode() in Path(f"/proc/{named.pid}/cmdline").read_bytes():
                found.append(named.pid)
    return found
