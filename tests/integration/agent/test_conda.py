"""Environments of an environment.yml by a real agent, from a channel on loopback: solved, installed, run, refused."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

import conda_channels
from agents import AgentProgram, FakeHub, agent, reached, server_id, server_request, wait_for
from conda_channels import PLACEHOLDER, PYTHON, package
from git_servers import GitServer, git_server
from hubfleet.agent.environments import locks
from hubfleet.agent.environments.realise import MARKER
from hubfleet.protocol.builds import Build, BuildRequest, BuildState
from hubfleet.protocol.client import AgentClient
from hubfleet.protocol.messages import ServerState, StopReason
from notebooks import execute, start_kernel

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.anyio]
AT = "2024-06-01T12:00:00Z"
SCRIPT = "#!/bin/sh\ntouch $PREFIX/it-ran\n"
PTH = "import os, glob; [open(f'{path}/it-was-here', 'w') for path in glob.glob(os.environ['HOME'] + '/../*')]\n"
"""Writes wherever it can beside the home that it is given."""


@dataclass
class Channel:
    """The channel on loopback, in its folder."""

    folder: Path
    address: str
    program: AgentProgram
    client: AgentClient
    git: GitServer

    async def build(self, text: str, files: dict[str, str] | None = None, *, at: str = AT, **more: str) -> Build:
        """Build a repository with this environment.yml and wait for the end."""
        repository = self.git.repository(uuid.uuid4().hex, {"environment.yml": text, **(files or {})}, at=at)
        name = str(uuid.uuid4())
        await self.client.start_build(name, BuildRequest(hub="ocean", repository=repository.url, **more))
        with anyio.fail_after(240):
            async for _ in self.client.build_events(name):
                pass
        return await self.client.build(name)

    async def said(self, build: Build) -> list[str]:
        """Return what a build told."""
        return [event.message async for event in self.client.build_events(build.id)]

    def prefix(self, digest: str) -> Path:
        """Return where an environment is."""
        found = list((self.program.folder / "software" / "environments").glob(f"{digest[:32]}-*-conda*"))
        assert len(found) == 1
        return found[0]

    @property
    def left(self) -> list[str]:
        """Return what is below the environments and is none of them."""
        folder = self.program.folder / "software" / "environments"
        return [path.name for path in folder.iterdir() if not (path / MARKER).is_file()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the channel."""
    folder = tmp_path_factory.mktemp("channels") / "conda-forge"
    conda_channels.with_python(folder)
    odd(folder)
    conda_channels.index(folder)
    return folder


@pytest.fixture(scope="module")
async def channel(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Channel]:
    with (
        conda_channels.served(folder.parent) as address,
        git_server(tmp_path_factory.mktemp("git")) as git,
        FakeHub() as hub,
    ):
        data = tmp_path_factory.mktemp("agent")
        channels = {"conda-forge": f"{address}/conda-forge"}
        more = {"git_hosts": ["127.0.0.1"], "channels": channels, "software": str(data / "software")}
        with agent(data, {"ocean": hub}, **more) as program:
            client = program.client("portal-ocean")
            yield Channel(folder, address, program, client, git)
            await client.close()


def odd(folder: Path) -> None:
    """Put packages into the channel that try something."""
    package(folder, "aged", "1.0", {"site-packages/aged.py": "version = 1"})
    package(folder, "aged", "2.0", {"site-packages/aged.py": "version = 2"}, at=datetime(2025, 1, 1, tzinfo=UTC))
    package(folder, "scripted", "1.0", {"bin/.scripted-post-link.sh": SCRIPT, "bin/.scripted-pre-link.sh": SCRIPT})
    package(folder, "placed", "1.0", {"etc/placed.conf": f"at {PLACEHOLDER}/etc\n"})
    package(folder, "spoilt", "1.0", {"site-packages/spoilt.py": "x = 1"})
    package(folder, "starting", "1.0", {"site-packages/starting.pth": PTH}, depends=["python"])


async def test_an_environment_file_becomes_an_environment(channel: Channel) -> None:
    """Conda's packages as of the date, PyPI's beside them, each with its hash; a kernel without being asked."""
    text = "name: x\nchannels: [conda-forge]\ndependencies:\n- aged\n- placed\n- pip:\n  - cowsay==6.1\n"
    build = await channel.build(text)
    assert build.state is BuildState.READY, (build.message, build.hint)
    lines = build.lock.splitlines()
    assert [line.partition(" ")[0] for line in lines if "/aged-" in line] == [
        "conda:conda-forge/noarch/aged-1.0-py_0.tar.bz2"
    ]
    assert [line for line in lines if line.startswith("cowsay==6.1 --hash=sha256:")]
    assert [line for line in lines if "/ipykernel-" in line]
    assert locks.canonical(build.lock) == build.lock and locks.digest(build.lock) == build.digest
    assert (build.files, build.packages_until) == (["environment.yml"], "2024-06-01T12:00:00+00:00")
    prefix = channel.prefix(build.digest)
    assert (prefix / "etc/placed.conf").read_text() == f"at {prefix}/etc\n"
    assert (prefix / "bin" / "cowsay").read_text().count(f"{prefix}/bin/python") == 1
    assert list((prefix / "lib/python3.13/site-packages/__pycache__").glob("aged.*.pyc"))
    assert channel.left == []


async def test_an_exact_list_becomes_just_that(channel: Channel) -> None:
    """The very packages that somebody locked, though the newest are allowed and an environment.yml stands beside it."""
    build = await channel.build("dependencies: [aged]\n")
    locked = locks.conda_packages(build.lock)
    lines = [f"{channel.address}/conda-forge/{item.subdir}/{item.file_name}#{'0' * 32}" for item in locked]
    listed = {"conda-linux-64.lock": "\n".join(["# of conda", "@EXPLICIT", *lines])}
    again = await channel.build("dependencies: [aged]\n", listed, packages_until="none")
    assert again.state is BuildState.READY, (again.message, again.hint)
    assert again.files == ["conda-linux-64.lock"]
    assert (again.lock, again.digest) == (build.lock, build.digest)
    assert "conda:conda-forge/noarch/aged-1.0-py_0.tar.bz2" in again.lock


async def test_a_kernel_runs_with_condas_own_python(channel: Channel) -> None:
    """Another version than the server's, with its own library, and the packages of both parts."""
    build = await channel.build("dependencies: [aged, {pip: [cowsay==6.1]}]\n")
    assert build.state is BuildState.READY, (build.message, build.hint)
    client, server = channel.program.client("ocean"), server_id("ocean", "ann")
    request = server_request("ocean", "ann", environment=build.digest)
    await client.start_server(server, request, idempotency_key="ann")
    running = await reached(client, server, ServerState.RUNNING)
    kernel = await start_kernel(running.url, "/user/ann/", "owner-of-ann")
    code = "import aged, cowsay, platform, ssl, sys; print(platform.python_version(), aged.version, sys.base_prefix)"
    printed = await execute(running.url, "/user/ann/", "owner-of-ann", kernel, code)
    assert printed.strip() == f"{PYTHON} 1 {channel.prefix(build.digest)}"
    code = "import os, aged; print(os.access(aged.__file__, os.W_OK), os.environ['CONDA_PREFIX'])"
    printed = await execute(running.url, "/user/ann/", "owner-of-ann", kernel, code)
    assert printed.strip() == f"False {channel.prefix(build.digest)}"
    await client.stop_server(server, StopReason.PERSON)
    await reached(client, server, ServerState.STOPPED)
    await client.close()


async def test_pypi_adds_nothing_that_conda_has(channel: Channel) -> None:
    """What a requirement needs and conda brought stays conda's; what does not go with it is refused by name."""
    build = await channel.build(
        "dependencies: [ipykernel, {pip: [python-dateutil, -r more.txt]}]\n", {"more.txt": "six\n"}
    )
    assert build.state is BuildState.READY, (build.message, build.hint)
    assert locks.requirements(build.lock) == ""
    assert build.files == ["environment.yml", "more.txt"]
    refused = await channel.build("dependencies: [ipykernel, {pip: [six==1.15.0]}]\n")
    assert refused.state is BuildState.FAILED
    assert "six==1.15.0" in refused.hint and "(of conda)" in refused.hint


async def test_no_link_script_runs(channel: Channel) -> None:
    """Neither before nor after a package is put in its place."""
    build = await channel.build("dependencies: [scripted]\n")
    assert build.state is BuildState.READY, (build.message, build.hint)
    assert not list(channel.program.folder.rglob("it-ran"))


async def test_what_packages_run_reaches_no_cache(channel: Channel) -> None:
    """Code that starts with Python, as uv asks it what it is, sees neither cache nor other environments."""
    build = await channel.build("dependencies: [starting, {pip: [cowsay==6.1]}]\n")
    assert build.state is BuildState.READY, (build.message, build.hint)
    reached = [path.parent for path in channel.program.folder.rglob("it-was-here")]
    assert reached == []
    files = [path for path in channel.prefix(build.digest).rglob("*") if path.is_file() and not path.is_symlink()]
    assert {path.stat().st_nlink for path in files} == {1}


async def test_a_package_that_changed_since_is_refused(channel: Channel) -> None:
    """Its hash in the lock is of what the channel told."""
    spoilt = next(channel.folder.glob("noarch/spoilt-*"))
    package(channel.folder, "spoilt", "1.0", {"site-packages/spoilt.py": "x = 2"})
    build = await channel.build("dependencies: [spoilt]\n")
    assert build.state is BuildState.FAILED
    assert "hash mismatch" in build.hint and spoilt.name in build.hint
    assert channel.left == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dependencies: [nothing-of-that-name]\n", "nothing-of-that-name"),
        ("dependencies: [aged=2]\n", "cutoff date of 2024-06-01"),
        ("channels: [elsewhere]\ndependencies: [aged]\n", "line 1 of environment.yml: the channel 'elsewhere'"),
        (
            "dependencies: [aged, {pip: [six @ https://x.example/six.whl]}]\n",
            "line 1 of environment.yml: packages that come",
        ),
        ("dependencies: [aged, {pip: [no-such-package-of-hubfleet-1]}]\n", "no-such-package-of-hubfleet-1"),
    ],
)
async def test_what_cannot_be_had_is_refused_by_name(channel: Channel, text: str, said: str) -> None:
    """The message or its hint names it."""
    build = await channel.build(text)
    assert build.state is BuildState.FAILED
    assert said in f"{build.message} {build.hint}"


async def test_anacondas_own_channel_is_replaced_and_it_is_said(channel: Channel) -> None:
    """As most repositories name it without meaning it."""
    build = await channel.build("channels: [defaults]\ndependencies: [aged]\n")
    assert build.state is BuildState.READY, (build.message, build.hint)
    assert [text for text in await channel.said(build) if text.startswith("conda-forge is used instead of")]


async def test_a_killed_agent_leaves_no_half_environment(channel: Channel) -> None:
    """What it was making is no environment, and is made whole when it is asked for again."""
    text = "dependencies: [aged, placed, scripted]\n"
    repository = channel.git.repository("killed", {"environment.yml": text}, at=AT)
    name = str(uuid.uuid4())
    await channel.client.start_build(name, BuildRequest(hub="ocean", repository=repository.url))
    folder = channel.program.folder / "software" / "environments"
    wait_for(lambda: any(folder.glob(".making-*/prefix/conda-meta/*.json")), 120)
    channel.program.kill()
    half = [path.name for path in folder.iterdir() if not (path / MARKER).is_file()]
    assert half and all(name.startswith(".") for name in half)
    channel.program.start()
    build = await channel.build(text)
    assert build.state is BuildState.READY, (build.message, build.hint)
    assert channel.left == []
