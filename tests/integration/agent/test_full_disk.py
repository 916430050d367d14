"""A full disk under a real agent: what is there goes on, nothing half-made stays, and after room is made it works."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents import AgentProgram, FakeHub, agent, reached, server_id, server_request
from disks import fill, small_disk
from hubfleet.errors import RefusedError
from hubfleet.protocol.messages import ServerState, StopReason

pytestmark = [
    pytest.mark.integration,
    pytest.mark.root,
    pytest.mark.anyio,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small disk"),
]
ANN, BOB = server_id("ocean", "ann"), server_id("ocean", "bob")


@pytest.fixture
def program(tmp_path: Path) -> Iterator[AgentProgram]:
    """An agent with a data folder of 100 MiB, and pretended servers."""
    with (
        small_disk(tmp_path / "data", 100),
        FakeHub() as hub,
        agent(tmp_path, {"ocean": hub}, launcher="in-process") as made,
    ):
        yield made


async def test_a_start_on_a_nearly_full_disk_is_refused_before_anything_is_made(program: AgentProgram) -> None:
    """507 with what to do; what runs is listed and can be stopped; after room is made the start works."""
    client = program.client("ocean")
    await client.start_server(ANN, server_request("ocean", "ann"), idempotency_key="a")
    await reached(client, ANN, ServerState.RUNNING)
    ballast = fill(program.folder / "data", leave=30_000_000)
    with pytest.raises(RefusedError, match="the disk is full") as refused:
        await client.start_server(BOB, server_request("ocean", "bob"), idempotency_key="b")
    assert refused.value.status == 507
    assert "free some space" in refused.value.hint
    assert [server.id for server in (await client.servers()).servers] == [ANN]
    assert not list((program.folder / "data/homes/ocean").glob("bob-*"))
    await client.stop_server(ANN, StopReason.PERSON)
    await reached(client, ANN, ServerState.STOPPED)
    ballast.unlink()
    await client.start_server(BOB, server_request("ocean", "bob"), idempotency_key="b")
    await reached(client, BOB, ServerState.RUNNING)
    await client.close()


async def test_an_agent_goes_on_once_there_is_room_again(program: AgentProgram) -> None:
    """With not a byte left it refuses all with the reason, loses nothing, and works on as soon as there is room."""
    client = program.client("ocean")
    await client.start_server(ANN, server_request("ocean", "ann"), idempotency_key="a")
    before = await reached(client, ANN, ServerState.RUNNING)
    ballast = fill(program.folder / "data", leave=0)
    with pytest.raises(RefusedError, match="the disk is full") as refused:
        while True:  # what SQLite has room for in its log already it may still take
            await client.stop_server(BOB, StopReason.PERSON)
    assert refused.value.status == 507
    ballast.unlink()
    assert await client.server(ANN) == before
    await client.close()


async def test_an_agent_that_cannot_start_on_a_full_disk_says_so(program: AgentProgram) -> None:
    """It ends with a plain message, leaves its records alone, and knows its servers when there is room."""
    client = program.client("ocean")
    await client.start_server(ANN, server_request("ocean", "ann"), idempotency_key="a")
    await reached(client, ANN, ServerState.RUNNING)
    program.end()  # a store that was closed has no files beside it any more, and there is no room to make them
    ballast = fill(program.folder / "data", leave=0)
    with pytest.raises(AssertionError, match="the agent ended with 1"):
        program.start()
    assert "the disk is full" in program.log
    assert "hint: free some space" in program.log
    assert "Traceback" not in program.log
    ballast.unlink()
    program.start()
    assert [server.id for server in (await client.servers()).servers] == [ANN]
    await client.close()


async def test_an_agent_killed_on_a_full_disk_comes_back(program: AgentProgram) -> None:
    """It listens, refuses with the reason in one line of its log a round, and works on when there is room."""
    client = program.client("ocean")
    await client.start_server(ANN, server_request("ocean", "ann"), idempotency_key="a")
    await reached(client, ANN, ServerState.RUNNING)
    program.kill()
    ballast = fill(program.folder / "data", leave=0)
    program.start()
    with pytest.raises(RefusedError, match="the disk is full"):
        while True:
            await client.servers()
    assert "Traceback" not in program.log
    ballast.unlink()
    # pretended servers end with their agent; that this one did can be recorded now
    await reached(client, ANN, ServerState.STOPPED)
    await client.start_server(BOB, server_request("ocean", "bob"), idempotency_key="b")
    await reached(client, BOB, ServerState.RUNNING)
    await client.close()
