"""kill -9 of a real agent at each step of a start, and while a server runs: exactly one server afterwards."""

import os
import signal
from pathlib import Path

import pytest

from agents import (
    AgentProgram,
    FakeHub,
    agent,
    private_range,
    processes_with,
    reached,
    server_id,
    server_request,
    wait_for,
)
from hubfleet._kit import process
from hubfleet.agent import parts, readiness
from hubfleet.model.settings.agent import AgentSettings
from hubfleet.protocol.messages import ServerState, StopReason

pytestmark = [
    pytest.mark.slow,
    pytest.mark.integration,
    pytest.mark.root,
    pytest.mark.anyio,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]
CRASHING = str(Path(__file__).parent.parent.parent / "crashing_agent.py")
STEPS = ("reserving a place", "setting limits", "making the sandbox", "connecting the network", "starting the server")
ANN = server_id("ocean", "ann")


def _mark(program: AgentProgram) -> str:
    return parts.label(AgentSettings.model_validate(program.settings))


def _left(program: AgentProgram) -> dict[str, object]:
    """Return all that the machine has of an agent's servers."""
    mark = _mark(program)
    short = mark.rpartition("-")[2][:6]
    links = process.run(["ip", "-br", "link"]).stdout
    routes = process.run(["ip", "route"]).stdout
    rules = process.run(["nft", "list", "tables"]).stdout
    # groups come and go while it looks
    groups = process.run(["find", "/sys/fs/cgroup", "-name", mark.replace("-", "?") + "*"], check=False).stdout
    return {
        "processes": len(processes_with(f"HUBFLEET_SERVER={mark}/")),
        "links": [line for line in links.splitlines() if f"hf{short}" in line],
        "routes": str(program.settings.get("addresses")) in routes,
        "rules": mark.replace("-", "_") in rules,
        "groups": groups.split(),
        "mounts": str(program.folder) in Path("/proc/mounts").read_text(),
    }


@pytest.mark.parametrize("moment", ["made", "saved"])
@pytest.mark.parametrize("step", range(len(STEPS)), ids=[step.replace(" ", "-") for step in STEPS])
async def test_a_start_killed_at_any_step_ends_with_one_server(tmp_path: Path, step: int, moment: str) -> None:
    """The next agent carries the start on without any call of the hub; its stop then leaves nothing at all."""
    addresses = private_range()
    with FakeHub(str(addresses[1])) as hub:
        with agent(
            tmp_path,
            {"ocean": hub},
            command=[CRASHING, str(step), moment],
            network="isolated",
            addresses=str(addresses),
        ) as program:
            client = program.client("ocean")
            await client.start_server(ANN, server_request("ocean", "ann"), idempotency_key="k")
            assert program.child is not None
            assert program.child.wait(60) == -9
            program.start()
            running = await reached(client, ANN, ServerState.RUNNING)
            assert await readiness.answers(running.url, "/user/ann/api")
            # bubblewrap outside, and its first process inside
            assert len(processes_with(f"HUBFLEET_SERVER={_mark(program)}/{ANN}")) == 2
            await client.stop_server(ANN, StopReason.PERSON)
            await reached(client, ANN, ServerState.STOPPED)
            await client.close()
        assert not any(_left(program).values()), _left(program)


async def test_a_running_server_does_not_notice_that_its_agent_was_killed(tmp_path: Path) -> None:
    """It answers while the agent is away; the next agent knows, reads, and stops it."""
    addresses = private_range()
    with FakeHub(str(addresses[1])) as hub:
        with agent(tmp_path, {"ocean": hub}, network="isolated", addresses=str(addresses)) as program:
            client = program.client("ocean")
            await client.start_server(ANN, server_request("ocean", "ann"), idempotency_key="k")
            before = await reached(client, ANN, ServerState.RUNNING)
            program.kill()
            assert await readiness.answers(before.url, "/user/ann/api")
            program.start()
            assert await reached(client, ANN, ServerState.RUNNING) == before
            assert "JupyterHub" in await client.logs(ANN)
            again = server_request("ocean", "ann").model_copy(update={"secrets": _other_secrets()})
            answer = await client.start_server(ANN, again, idempotency_key="k2")
            assert answer.api_token.get_secret_value() == "token-of-ann"
            await client.stop_server(ANN, StopReason.PERSON)
            await reached(client, ANN, ServerState.STOPPED)
            await client.close()
        assert not any(_left(program).values()), _left(program)


async def test_a_server_killed_from_outside_is_stopped_with_a_reason_and_starts_again(tmp_path: Path) -> None:
    """Whoever ends a server's processes, its person reads that, nothing of it is left, and the next start works."""
    with FakeHub() as hub, agent(tmp_path, {"ocean": hub}) as program:
        client = program.client("ocean")
        await client.start_server(ANN, server_request("ocean", "ann"), idempotency_key="k")
        await reached(client, ANN, ServerState.RUNNING)
        first = max(processes_with(f"HUBFLEET_SERVER={_mark(program)}/{ANN}"), key=lambda named: named.start_ticks)
        inside = process.run(["cat", f"/proc/{first.pid}/task/{first.pid}/children"]).stdout.split()
        os.kill(int(inside[0]), signal.SIGKILL)
        stopped = await reached(client, ANN, ServerState.STOPPED)
        assert stopped.reason in {StopReason.KILLED, StopReason.EXITED}
        assert stopped.message
        await client.start_server(ANN, server_request("ocean", "ann"), idempotency_key="again")
        again = await reached(client, ANN, ServerState.RUNNING)
        assert await readiness.answers(again.url, "/user/ann/api")
        await client.stop_server(ANN, StopReason.PERSON)
        await reached(client, ANN, ServerState.STOPPED)
        await client.close()
    wait_for(lambda: _left(program)["processes"] == 0, 5)


def _other_secrets() -> object:
    return server_request("ocean", "other").secrets
