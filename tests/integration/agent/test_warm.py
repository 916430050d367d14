"""Servers that are forked of a warm parent: as those that start plainly in all but their time."""

import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from agents import SOFTWARE, AgentProgram, FakeHub, agent, processes_with, reached, server_id, server_request, wait_for
from hubfleet._kit import process
from hubfleet._kit.process import ProcessId
from hubfleet.protocol.messages import Server, ServerState, StopReason
from working import at_work

pytestmark = [
    pytest.mark.integration,
    pytest.mark.root,
    pytest.mark.anyio,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: only root joins other people's sandboxes"),
]

LOOK = """
import json, os, random, resource, signal, sys, threading
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
facts = {
    "descriptors": sorted(os.readlink(f"/proc/self/fd/{n}").split(":")[0] for n in os.listdir("/proc/self/fd")[:-1]),
    "environment": dict(os.environ),
    "ids": [os.getresuid(), os.getresgid(), os.getgroups()],
    "rights": {name: value for name, value in status.items() if name[:3] in {"Cap", "Sec", "NoN", "Sig", "Shd"}},
    "groups": open("/proc/self/cgroup").read(),
    "limits": [resource.getrlimit(n) for n in range(16)],
    "place": [os.getcwd(), os.umask(0o027), os.readlink("/proc/self/root"), os.getppid()],
    "namespaces": {name: os.readlink(f"/proc/self/ns/{name}") for name in os.listdir("/proc/self/ns")},
    "threads": threading.active_count(),
    "random": random.random(),
}
json.dump(facts, open(os.path.expanduser("~/facts.json"), "w"))
"""
"""A settings file of Jupyter's in somebody's home, which runs in the server's own process."""


PUT_LOOK = f"""
import os
os.makedirs('.jupyter', exist_ok=True)
open('.jupyter/jupyter_server_config.py', 'w').write({LOOK!r})
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[AgentProgram]:
    with FakeHub() as hub, agent(tmp_path, {"ocean": hub}) as running:
        yield running


@asynccontextmanager
async def running(program: AgentProgram, name: str) -> AsyncIterator[Server]:
    """Start somebody's server, and stop it after the block."""
    client, server = program.client("ocean"), server_id("ocean", name)
    await client.start_server(server, server_request("ocean", name), idempotency_key=os.urandom(4).hex())
    try:
        yield await reached(client, server, ServerState.RUNNING)
    finally:
        await client.stop_server(server, StopReason.PERSON)
        await reached(client, server, ServerState.STOPPED)
        await client.close()


async def warmed(program: AgentProgram) -> None:
    """Start a first server, plainly, and wait until the next ones are forked."""
    async with at_work(program, "first") as first:
        await first.run(PUT_LOOK)
    wait_for(lambda: "start warm" in program.log, 60, lambda: program.log)


def forked(program: AgentProgram) -> dict[str, ProcessId]:
    """Return what runs of this agent's parent, by server id: its forks, and `warm`, the parent itself."""
    found: dict[str, ProcessId] = {}
    for one in sorted(processes_with("/run/hubfleet/parent.py"), key=lambda one: one.start_ticks):
        with suppress(OSError):
            output = Path(f"/proc/{one.pid}/fd/1").readlink()
            if output.is_relative_to(program.folder):
                # what a server starts itself looks like the server up to its exec
                found.setdefault(output.parent.name, one)
    return found


def end(program: AgentProgram, server: str) -> None:
    """Kill the parent (`warm`), or a server that was forked of it."""
    process.send(forked(program)[server], signal.SIGKILL)


def first_process(one: ProcessId) -> dict[str, str]:
    """Return the namespaces of the first process of a forked server's sandbox, which is its parent."""
    parent = Path(f"/proc/{one.pid}/stat").read_text().rpartition(")")[2].split()[1]
    return {path.name: str(path.readlink()) for path in Path(f"/proc/{parent}/ns").iterdir()}


def environment(one: ProcessId) -> bytes:
    """Return what /proc shows of a process's variables."""
    return Path(f"/proc/{one.pid}/environ").read_bytes()


def program_of(one: ProcessId) -> Path:
    """Return what a process runs."""
    return Path(Path(f"/proc/{one.pid}/cmdline").read_text().partition("\0")[0])


def facts(program: AgentProgram, name: str) -> dict[str, Any]:
    """Return what somebody's server saw of itself when it started last."""
    (found,) = (program.folder / "data/homes/ocean").glob(f"{name}-*/facts.json")
    return json.loads(found.read_text())


def same(found: dict[str, Any]) -> dict[str, Any]:
    """Return what must be the same of two servers of one person."""
    kept = {name: found[name] for name in ("ids", "rights", "limits", "threads")}
    known = {name: value for name, value in found["environment"].items() if name != "JUPYTERHUB_SERVICE_URL"}
    return {**kept, "environment": known, "place": found["place"][:3]}


async def test_a_forked_server_has_what_a_plain_one_has_and_nothing_of_its_parent(program: AgentProgram) -> None:
    """Rights, ids, limits, variables, descriptors; its random numbers are its own; its namespaces are the sandbox's."""
    await warmed(program)
    async with running(program, "first") as server:
        one = forked(program)[server.id]
        warm = facts(program, "first")
        shown = first_process(one)
        joined = ("mnt", "pid", "net", "ipc", "uts", "cgroup")
        assert {name: warm["namespaces"][name] for name in joined} == {name: shown[name] for name in joined}
        assert b"TOKEN" not in environment(one)
    end(program, "warm")
    async with running(program, "first") as server:
        plain = facts(program, "first")
        assert server.id not in forked(program)
    assert same(warm) == same(plain)
    # the last is how its sandbox learns that it has ended
    assert warm["descriptors"] == [*plain["descriptors"], "socket"]
    assert set(warm["rights"]["CapBnd"].strip()) == {"0"}
    assert warm["random"] != plain["random"]


async def test_forked_servers_share_nothing_with_each_other(program: AgentProgram) -> None:
    """Two people's have other ids, namespaces, secrets and random numbers."""
    await warmed(program)
    for name in ("ann", "bob"):
        async with at_work(program, name) as person:
            await person.run(PUT_LOOK)
    async with running(program, "ann") as first, running(program, "bob") as second:
        assert {first.id, second.id} <= forked(program).keys()
        ann, bob = facts(program, "ann"), facts(program, "bob")
    assert ann["ids"] != bob["ids"]
    assert ann["random"] != bob["random"]
    assert all(ann["namespaces"][name] != bob["namespaces"][name] for name in ("mnt", "pid", "ipc", "uts"))
    assert not {value for value in ann["environment"].values() if "ann" in value} & set(bob["environment"].values())


async def test_servers_start_plainly_without_their_parent_and_warm_again_later(program: AgentProgram) -> None:
    """A parent that is killed ends no server, and costs the next start its speed only."""
    await warmed(program)
    client = program.client("ocean")
    async with running(program, "ann") as ann:
        end(program, "warm")
        async with running(program, "bob") as bob:
            assert (await client.server(ann.id)).state is ServerState.RUNNING
            assert bob.id not in forked(program)
        wait_for(lambda: program.log.count("start warm") == 2, 60, lambda: program.log)
        async with running(program, "bob"):
            assert {ann.id, bob.id, "warm"} == forked(program).keys()


async def test_a_parent_leaves_the_builder_its_cache(program: AgentProgram) -> None:
    """Software that root runs is root's own; what else is made of the same packages does not become so."""
    await warmed(program)
    prefix = program_of(forked(program)["warm"]).parents[1]
    assert {path.lstat().st_uid for path in prefix.rglob("*")} == {0}
    cached = [path for path in (SOFTWARE / "cache" / "archive-v0").rglob("*") if path.is_file()]
    assert cached
    assert not [path for path in cached if path.stat().st_uid == 0]


async def test_an_agent_that_is_killed_leaves_its_servers_and_no_parent(program: AgentProgram) -> None:
    """The next one knows them, sees how one ends, and stops the other."""
    await warmed(program)
    async with running(program, "ann") as ann, running(program, "bob") as bob:
        program.kill()
        wait_for(lambda: forked(program).keys() == {ann.id, bob.id}, 10)
        program.start()
        client = program.client("ocean")
        assert (await client.server(ann.id)).state is ServerState.RUNNING
        end(program, ann.id)
        gone = await reached(client, ann.id, ServerState.STOPPED)
        assert gone.reason is StopReason.KILLED
        assert (await client.server(bob.id)).state is ServerState.RUNNING
    assert not forked(program)
