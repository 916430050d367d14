"""What code in a server can reach of the machine and of other people: nothing that is not its own."""

import json
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from agents import AgentProgram, FakeHub, agent, private_range, reached, server_id, server_request
from hubfleet._kit import process
from hubfleet.agent import parts
from hubfleet.model.settings.agent import AgentSettings
from hubfleet.protocol.messages import Server, ServerState, StopReason
from machines import ROOT
from notebooks import KernelDiedError, execute, start_kernel

pytestmark = [
    pytest.mark.integration,
    pytest.mark.root,
    pytest.mark.anyio,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]

TRY = """
import socket, json
def reach(address, port, family=socket.AF_INET):
    try:
        with socket.socket(family) as s:
            s.settimeout(3); s.connect((address, port)); return "reached"
    except OSError as error:
        return type(error).__name__
print(json.dumps({target: reach(*json.loads(target)) for target in TARGETS}))
"""


@dataclass
class Pair:
    """Two people's servers of one agent."""

    program: AgentProgram
    hub: FakeHub
    other_hub: FakeHub
    ann: Server
    bob: Server
    kernel: str = ""

    async def run(self, code: str) -> str:
        if not self.kernel:
            self.kernel = await start_kernel(self.ann.url, "/user/ann/", "owner-of-ann")
        return (await execute(self.ann.url, "/user/ann/", "owner-of-ann", self.kernel, code)).strip()

    async def reach(self, *targets: tuple[str, int]) -> list[str]:
        named = [json.dumps(target) for target in targets]
        found = json.loads(await self.run(f"TARGETS = {named!r}\n{TRY}"))
        return [found[target] for target in named]


@contextmanager
def two_hubs(folder: Path) -> Iterator[tuple[AgentProgram, FakeHub, FakeHub]]:
    addresses = private_range()
    host = str(addresses[1])
    with FakeHub(host) as ocean, FakeHub(host) as maths:
        hubs = {"ocean": ocean, "maths": maths}
        with agent(folder, hubs, network="isolated", addresses=str(addresses)) as program:
            yield program, ocean, maths


@pytest.fixture(scope="module")
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    folder = tmp_path_factory.mktemp("agent")
    with two_hubs(folder) as (program, ocean, maths):
        clients = {"ocean": program.client("ocean"), "maths": program.client("maths")}
        servers = []
        for hub, person in (("ocean", "ann"), ("maths", "bob")):
            server = server_id(hub, person)
            await clients[hub].start_server(server, server_request(hub, person, memory_gib=0.6), idempotency_key=hub)
        for hub, person in (("ocean", "ann"), ("maths", "bob")):
            servers.append(await reached(clients[hub], server_id(hub, person), ServerState.RUNNING))
        yield Pair(program, ocean, maths, *servers)
        for hub, person in (("ocean", "ann"), ("maths", "bob")):
            await clients[hub].stop_server(server_id(hub, person), StopReason.PERSON)
            await reached(clients[hub], server_id(hub, person), ServerState.STOPPED)
            await clients[hub].close()
    mark = parts.label(AgentSettings.model_validate(program.settings)).rpartition("-")[2]
    shown = process.run(["ip", "-br", "link"]).stdout + process.run(["nft", "list", "tables"]).stdout
    assert f"hf{mark[:6]}" not in shown and mark not in shown
    assert mark not in process.run(["find", "/sys/fs/cgroup", "-type", "d"], check=False).stdout


async def test_a_server_reaches_its_own_hub(pair: Pair) -> None:
    """The hub's internal listener on the host is open to the hub's servers."""
    assert await pair.reach((pair.hub.address, pair.hub.port)) == ["reached"]


async def test_a_server_reaches_no_other_hub_and_no_other_port_of_the_host(pair: Pair) -> None:
    """Another hub's listener, the host's own addresses and what listens on its loopback are closed."""
    with socket.create_server(("0.0.0.0", 0)) as open_port:
        port = int(open_port.getsockname()[1])
        addresses = [pair.hub.address, "127.0.0.1", *process.run(["hostname", "-I"]).stdout.split()[:1]]
        answers = await pair.reach((pair.hub.address, pair.other_hub.port), *((item, port) for item in addresses))
    assert "reached" not in answers


async def test_a_server_reaches_no_other_server(pair: Pair) -> None:
    """Another person's server does not answer to a server at the port where it does answer to the host."""
    served = urlsplit(pair.bob.url)
    address, port = str(served.hostname), int(served.port or 0)
    with socket.create_connection((address, port), timeout=3):
        pass
    assert "reached" not in await pair.reach((address, port), (address, 22))


async def test_a_server_sees_only_its_own_processes(pair: Pair) -> None:
    """/proc holds the server, its kernels and bubblewrap's first process."""
    code = "import os; print(max(int(name) for name in os.listdir('/proc') if name.isdigit()) < 200, os.getuid())"
    assert (await pair.run(code)).startswith("True 2000")


async def test_a_server_sees_no_files_of_host_agent_or_others(pair: Pair) -> None:
    """Neither the agent's data and socket, nor other homes; of the folders on the way to software, the way only."""
    folders = [
        str(pair.program.folder),
        str(pair.program.folder / "data"),
        str(ROOT / "pyproject.toml"),
        str(Path.home() / ".profile"),
        "/etc/shadow",
        "/run/netns",
        "/sys",
    ]
    if not ROOT.is_relative_to("/root"):
        folders.append("/root")
    code = f"import os; print([path for path in {folders!r} if os.path.exists(path)])"
    assert await pair.run(code) == "[]"
    on_the_way = {ROOT.parts[2]} if ROOT.is_relative_to("/home") else set()
    shown = set(json.loads(await pair.run("import json, os; print(json.dumps(os.listdir('/home')))")))
    assert shown == {"jovyan", *on_the_way}


async def test_a_server_has_no_rights_and_cannot_write_software(pair: Pair) -> None:
    """No capability is left, no new ones can be had, and software is read-only."""
    code = """
import sys, re
status = open('/proc/self/status').read()
print(re.findall(r'(?m)^(?:CapEff|CapPrm|CapBnd):\\s+0+$', status).__len__(), 'NoNewPrivs:\\t1' in status)
import jupyterlab
for path in (jupyterlab.__file__, '/usr/bin/x', '/etc/x', '/x'):
    try:
        open(path, 'a'); print('wrote', path)
    except OSError as error:
        pass
"""
    assert await pair.run(code) == "3 True"


def test_tokens_are_in_no_arguments(pair: Pair) -> None:
    """No process on the machine has a server's token in its arguments, nor others' in their variables."""
    holders = set()
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                assert b"token-of-ann" not in (path / "cmdline").read_bytes()
                if b"token-of-ann" in (path / "environ").read_bytes():
                    holders.add(path.stat().st_uid)
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
    assert all(200_000 <= uid <= 265_535 for uid in holders)


async def test_what_a_person_installs_stays_in_the_home_and_comes_first(pair: Pair) -> None:
    """A package put where `pip install` puts it is found before the shared one of that name."""
    code = """
import sysconfig, pathlib
folder = pathlib.Path(sysconfig.get_paths()['purelib'])
(folder / 'six.py').write_text('mine = True')
print(folder.is_relative_to('/home/jovyan'))
"""
    assert await pair.run(code) == "True"
    pair.kernel = ""
    assert await pair.run("import six; print(six.mine); import numpy; print(numpy.ones(2).sum())") == "True\n2.0"
    home = next((pair.program.folder / "data/homes/ocean").glob("ann-*"))
    assert list(home.glob(".hubfleet/python*/lib/python*/site-packages/six.py"))


async def test_a_kernel_over_the_memory_limit_dies_alone(pair: Pair) -> None:
    """The kernel that uses too much is ended; the server goes on, and both it and the next cell say what happened."""
    with pytest.raises(KernelDiedError):
        await pair.run("hog = []\nwhile True: hog.append(bytearray(50_000_000))")
    said = await pair.run("print('still here')")
    assert "went over the server's memory limit of 0.6 GiB" in said
    assert said.endswith("still here")
    assert await pair.run("print('and silent')") == "and silent"
    client = pair.program.client("ocean")
    async for event in client.events(server=pair.ann.id):
        if "memory" in event.message:
            break
    assert (await client.server(pair.ann.id)).state is ServerState.RUNNING
    await client.close()
