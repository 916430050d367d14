"""Servers with an environment: JupyterLab runs from the base software, kernels and terminals from the environment."""

import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tornado.httpclient import AsyncHTTPClient

import environments
from agents import AgentProgram, FakeHub, agent, reached, server_id, server_request
from hubfleet.agent.environments import locks
from hubfleet.agent.places import folder_name
from hubfleet.protocol.client import AgentClient
from hubfleet.protocol.messages import Server, ServerState, StopReason
from notebooks import execute, start_kernel
from programs import OTHERS_REACH_US

pytestmark = [pytest.mark.integration, pytest.mark.anyio]
ORDINARY = (64123, 64123)
OLD, NEW = "1.15.0", "1.16.0"
"""Two versions of six, which tell environments apart; the base software has a third."""
PIP_INSTALL = """
import subprocess, sys, zipfile
name, pip = WANTED
with zipfile.ZipFile(f'/tmp/{name}-1.0-py3-none-any.whl', 'w') as wheel:
    wheel.writestr(f'{name}.py', 'mine = True')
    wheel.writestr(f'{name}-1.0.dist-info/METADATA', f'Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n')
    wheel.writestr(f'{name}-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr(f'{name}-1.0.dist-info/RECORD', '')
command = pip.replace('PYTHON', sys.executable).split() + ['install', '--no-index', '--quiet', wheel.filename]
done = subprocess.run(command, capture_output=True, text=True)
print(done.returncode, done.stderr)
"""


@dataclass
class Servers:
    """Ann's servers by name: the default one from the base software, the others each with an environment."""

    program: AgentProgram
    client: AgentClient
    digests: dict[str, str]
    running: dict[str, Server] = field(default_factory=dict)
    kernels: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return next((self.program.folder / "data/homes/ocean").glob("ann-*"))

    async def start(self, name: str) -> None:
        """Start a server with the environment of its name."""
        request = server_request("ocean", "ann", name=name, environment=self.digests.get(name, "base"))
        await self.client.start_server(server_id("ocean", "ann", name), request, idempotency_key=f"start-{name}")

    async def run(self, name: str, code: str) -> str:
        """Run code in the server's kernel and return what it printed."""
        url = self.running[name].url
        if name not in self.kernels:
            self.kernels[name] = await start_kernel(url, _path(name), "owner-of-ann")
        return (await execute(url, _path(name), "owner-of-ann", self.kernels[name], code)).strip()

    async def kernelspecs(self, name: str) -> dict[str, object]:
        """Return what JupyterLab is told of kernels: the default one's name, and all with their titles."""
        url = f"{self.running[name].url}{_path(name)}api/kernelspecs"
        answer = await AsyncHTTPClient().fetch(url, headers={"Authorization": "token owner-of-ann"})
        found = json.loads(answer.body)
        titles = {key: value["spec"]["display_name"] for key, value in found["kernelspecs"].items()}
        return {"default": found["default"], **titles}


def _path(name: str) -> str:
    return f"/user/ann/{name}/" if name else "/user/ann/"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProgram]:
    """Run an agent as whoever runs the tests."""
    with FakeHub() as hub, agent(tmp_path_factory.mktemp("agent"), {"ocean": hub}) as program:
        yield program


@pytest.fixture(scope="module")
async def digests(program: AgentProgram) -> AsyncIterator[dict[str, str]]:
    """Make two environments, as a portal would let them be made."""
    operator = program.client("")
    yield {
        version: await environments.made(operator, environments.lock("ipykernel", f"six=={version}"))
        for version in (OLD, NEW)
    }
    await operator.close()


@pytest.fixture(scope="module")
async def servers(program: AgentProgram, digests: dict[str, str]) -> AsyncIterator[Servers]:
    """Run three servers over one home."""
    servers = Servers(program, program.client("ocean"), digests)
    for name in ("", OLD, NEW):
        await servers.start(name)
    for name in ("", OLD, NEW):
        servers.running[name] = await reached(servers.client, server_id("ocean", "ann", name), ServerState.RUNNING)
    yield servers
    for server in servers.running.values():
        await servers.client.stop_server(server.id, StopReason.PERSON)
        await reached(servers.client, server.id, ServerState.STOPPED)
    await servers.client.close()


@pytest.mark.parametrize("version", [OLD, NEW])
async def test_a_kernel_has_the_environments_packages_and_not_jupyterlabs(servers: Servers, version: str) -> None:
    """Each server its own version, and nothing of what the base software has besides."""
    code = """
import importlib.util, six
print(six.__version__, [name for name in ('jupyterlab', 'jupyterhub', 'numpy') if importlib.util.find_spec(name)])
"""
    assert await servers.run(version, code) == f"{version} []"


async def test_the_server_itself_runs_from_the_base_software(servers: Servers) -> None:
    """With an environment as without one: JupyterLab is the cluster's."""
    code = "import os; print(open(f'/proc/{os.getppid()}/cmdline').read().partition(chr(0))[0])"
    command = await servers.run("", code)
    assert str(environments.folder(servers.digests[OLD])) not in command
    assert await servers.run(OLD, code) == command


async def test_the_default_kernel_is_the_environments_and_says_so(servers: Servers) -> None:
    """It keeps the name that notebooks ask for; a start without an environment shows what it always did."""
    assert await servers.kernelspecs("") == {"default": "python3", "python3": "Python 3 (ipykernel)"}
    found = await servers.kernelspecs(OLD)
    assert found["default"] == "python3"
    assert str(found["python3"]).endswith(" (environment)")


async def test_terminals_find_the_environment_first(servers: Servers) -> None:
    """The person's own Python, then the environment's programs, then the server's; so does what asks Jupyter."""
    code = "import os; print(os.environ['PATH'].split(':')[:3], os.environ['JUPYTER_PATH'].split(':'))"
    own = f"/home/jovyan/.hubfleet/python3.11-{servers.digests[OLD][:12]}"
    environment = environments.folder(servers.digests[OLD])
    path, jupyter = [f"{own}/bin", f"{environment}/bin"], [f"{own}/share/jupyter", f"{environment}/share/jupyter"]
    printed = await servers.run(OLD, code)
    assert printed.startswith(str(path)[:-1])
    assert printed.endswith(str(jupyter))


@pytest.mark.parametrize(("name", "pip"), [("of_a_notebook", "PYTHON -m pip"), ("of_a_terminal", "pip")])
async def test_what_is_installed_for_one_environment_stays_there(servers: Servers, name: str, pip: str) -> None:
    """As `%pip` in a notebook and as `pip` in a terminal; it is in the home, and the other servers lack it."""
    assert await servers.run(OLD, PIP_INSTALL.replace("WANTED", repr((name, pip)))) == "0"
    own = f".hubfleet/python3.11-{servers.digests[OLD][:12]}/lib/python3.11/site-packages/{name}.py"
    assert await servers.run(OLD, f"import {name}; print({name}.__file__)") == f"/home/jovyan/{own}"
    for other in ("", NEW):
        assert f"No module named '{name}'" in await servers.run(other, f"import {name}")
    assert (servers.home / own).is_file()


async def test_pip_counts_only_what_the_kernel_sees(servers: Servers) -> None:
    """The lent pip takes nothing of the base software for installed."""
    code = "import subprocess, sys; print(subprocess.getoutput(f'{sys.executable} -m pip list --format=freeze'))"
    listed = (await servers.run(OLD, code)).splitlines()
    assert f"six=={OLD}" in listed
    assert not [line for line in listed if line.startswith(("jupyterlab==", "numpy=="))]


async def test_what_was_installed_without_an_environment_is_left_alone(servers: Servers) -> None:
    """A start with an environment neither sees nor changes it."""
    code = "import sysconfig, pathlib; pathlib.Path(sysconfig.get_path('purelib'), 'mine.py').write_text('kept')"
    await servers.run("", code)
    assert "No module named 'mine'" in await servers.run(NEW, "import mine")
    assert (servers.home / ".hubfleet/python3.11/lib/python3.11/site-packages/mine.py").read_text() == "kept"


async def test_no_file_of_the_environment_can_be_written(servers: Servers) -> None:
    """Neither changed nor added to, nor those of the base software."""
    code = """
import os, six, sys
base = os.path.dirname(os.path.dirname(open(f'/proc/{os.getppid()}/cmdline').read().partition(chr(0))[0]))
for path in (six.__file__, os.path.join(os.path.dirname(six.__file__), 'new.py'), os.path.join(base, 'new.py')):
    try:
        open(path, 'a'); print('wrote', path)
    except OSError as error:
        print(error.strerror)
"""
    assert set((await servers.run(OLD, code)).splitlines()) <= {"Read-only file system", "Permission denied"}


async def test_where_the_home_takes_nothing_the_kernel_is_the_environments_all_the_same(servers: Servers) -> None:
    """As in a home without a byte left: the person's own Python is in the server's own /tmp then."""
    home = servers.program.folder / "data/homes/ocean" / folder_name("bob")
    home.mkdir(parents=True)
    (home / ".hubfleet").write_text("in the way")
    server, request = server_id("ocean", "bob"), server_request("ocean", "bob", environment=servers.digests[OLD])
    await servers.client.start_server(server, request, idempotency_key="bob")
    running = await reached(servers.client, server, ServerState.RUNNING)
    kernel = await start_kernel(running.url, "/user/bob/", "owner-of-bob")
    code = "import six, sys; print(six.__version__, sys.prefix)"
    printed = await execute(running.url, "/user/bob/", "owner-of-bob", kernel, code)
    assert printed.strip() == f"{OLD} /tmp/.hubfleet/python3.11-{servers.digests[OLD][:12]}"
    await servers.client.stop_server(server, StopReason.PERSON)
    await reached(servers.client, server, ServerState.STOPPED)


async def test_an_environment_without_a_kernel_is_refused_with_the_way_out(servers: Servers) -> None:
    """No JupyterLab without kernels opens; meanwhile the person read that software is prepared."""
    digest = locks.digest(environments.SIX)
    shutil.rmtree(environments.folder(digest), ignore_errors=True)
    operator = servers.program.client("")
    await operator.put_environment(digest, environments.SIX)
    await operator.close()
    server, said = server_id("ocean", "ann", "bare"), []
    request = server_request("ocean", "ann", name="bare", environment=digest)
    await servers.client.start_server(server, request, idempotency_key="bare")
    async for event in servers.client.events(server=server):
        said.append(event.message)
        if event.state is ServerState.FAILED:
            break
    failed = await servers.client.server(server)
    assert "has no Python kernel" in failed.message
    assert "add `ipykernel`" in failed.hint
    assert [text for text in said if text.startswith("preparing software: ")]


async def test_an_environment_that_is_not_known_here_is_refused_with_the_way_out(servers: Servers) -> None:
    """As on a cluster that was added later."""
    server = server_id("ocean", "ann", "unknown")
    request = server_request("ocean", "ann", name="unknown", environment="0" * 64)
    await servers.client.start_server(server, request, idempotency_key="unknown")
    with pytest.raises(AssertionError, match=r"(?s)not known on this cluster.*open its link again"):
        await reached(servers.client, server, ServerState.RUNNING)


@pytest.fixture
def reachable() -> Iterator[Path]:
    """Return a folder that another user can reach, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="hubfleet-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.mark.skipif(not OTHERS_REACH_US, reason="an ordinary user cannot reach the project here")
async def test_an_ordinary_users_agent_starts_servers_with_environments(
    reachable: Path, digests: dict[str, str]
) -> None:
    """In a user namespace too: the environment's packages, the person's own Python, nothing writable."""
    user = ORDINARY if os.geteuid() == 0 else None
    with FakeHub() as hub, agent(reachable, {"ocean": hub}, user=user) as program:
        servers = Servers(program, program.client("ocean"), digests)
        await servers.start(NEW)
        servers.running[NEW] = await reached(servers.client, server_id("ocean", "ann", NEW), ServerState.RUNNING)
        code = "import os, six, sys; print(six.__version__, sys.prefix, os.access(six.__file__, os.W_OK))"
        own = f"/home/jovyan/.hubfleet/python3.11-{digests[NEW][:12]}"
        assert await servers.run(NEW, code) == f"{NEW} {own} False"
        await servers.client.stop_server(server_id("ocean", "ann", NEW), StopReason.PERSON)
        await reached(servers.client, server_id("ocean", "ann", NEW), ServerState.STOPPED)
        await servers.client.close()
