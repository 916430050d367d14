"""What a server reaches beyond its machine: the internet, and none of the addresses where clouds give credentials."""

import json
import os
import sys
from pathlib import Path

import pytest

from agents import FakeHub, agent, private_range, processes_with, reached, server_id, server_request
from hubfleet._kit import process
from hubfleet.agent import parts
from hubfleet.agent.launchers import labels
from hubfleet.model.settings.agent import AgentSettings
from hubfleet.protocol.messages import ServerState, StopReason
from namespaces import machine_with_internet, within

pytestmark = [
    pytest.mark.integration,
    pytest.mark.root,
    pytest.mark.anyio,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for namespaces"),
]
SOMEBODY = "198.51.100.8"
METADATA = ["169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192"]
AGENT = str(Path(__file__).parent.parent.parent / "agent_elsewhere.py")
TRY = """
import json, socket, sys
def reach(address):
    try:
        socket.create_connection((address, 80), timeout=3).close()
    except OSError as error:
        return type(error).__name__
    return "reached"
print(json.dumps({address: reach(address) for address in sys.argv[1:]}))
"""


def _tried(command: list[str]) -> dict[str, str]:
    done = process.run([*command, sys.executable, "-c", TRY, SOMEBODY, *METADATA])
    found: dict[str, str] = json.loads(done.stdout)
    return found


async def test_metadata_addresses_are_closed(tmp_path: Path) -> None:
    """They answer to the machine, and the internet answers to a server; they do not answer to a server."""
    addresses = private_range()
    with machine_with_internet([SOMEBODY, *METADATA]) as here:
        assert set(_tried(["ip", "netns", "exec", here]).values()) == {"reached"}
        with (
            within(here, lambda: FakeHub(str(addresses[1]))) as hub,
            agent(
                tmp_path, {"ocean": hub}, command=[AGENT, here], network="isolated", addresses=str(addresses)
            ) as program,
        ):
            client = program.client("ocean")
            server = server_id("ocean", "ann")
            await client.start_server(server, server_request("ocean", "ann"), idempotency_key="k")
            await reached(client, server, ServerState.RUNNING)
            label = parts.label(AgentSettings.model_validate(program.settings))
            init = labels.scan(label)[server].init
            assert init is not None
            found = _tried(["nsenter", "--target", str(init.pid), "--net"])
            await client.stop_server(server, StopReason.PERSON)
            await reached(client, server, ServerState.STOPPED)
            await client.close()
    assert found.pop(SOMEBODY) == "reached"
    assert "reached" not in found.values(), found
    assert processes_with(f"HUBFLEET_SERVER={label}/") == []
