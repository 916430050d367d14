"""Repositories that name themselves as a package, by a real agent: it is built, installed, and stands in the lock."""

import uuid
from collections.abc import AsyncIterator, Iterator

import anyio
import pytest

from agents import AgentProgram, FakeHub, agent
from environments import folder
from git_servers import GitServer, git_server
from hubfleet._kit import process
from hubfleet.agent.environments import locks
from hubfleet.protocol.builds import Build, BuildRequest, BuildState
from hubfleet.protocol.client import AgentClient

pytestmark = [pytest.mark.integration, pytest.mark.anyio]

SETUPTOOLS = """\
[build-system]
requires = ["setuptools>=61", "wheel"]
build-backend = "setuptools.build_meta"
[project]
name = "tides"
version = "1.2"
dependencies = ["six"]
[project.optional-dependencies]
more = ["iniconfig"]
"""
MODULE = {"tides/__init__.py": "import six\nHIGH = 'high'\n"}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    with git_server(tmp_path_factory.mktemp("git")) as server:
        yield server


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProgram]:
    home = tmp_path_factory.mktemp("agent")
    with FakeHub() as ocean, agent(home, {"ocean": ocean}, git_hosts=["127.0.0.1"]) as running:
        yield running


@pytest.fixture(scope="module")
async def portal(program: AgentProgram) -> AsyncIterator[AgentClient]:
    client = program.client("portal-ocean")
    yield client
    await client.close()


async def built(client: AgentClient, repository: str, **more: object) -> Build:
    """Build and wait for the end."""
    name = str(uuid.uuid4())
    await client.start_build(name, BuildRequest.model_validate({"hub": "ocean", "repository": repository, **more}))
    with anyio.fail_after(400):
        async for _ in client.build_events(name):
            pass
    return await client.build(name)


async def ready(client: AgentClient, repository: str, **more: object) -> Build:
    """Build what works."""
    build = await built(client, repository, **more)
    assert build.state is BuildState.READY, f"{build.message} {build.hint}"
    return build


def said(build: Build, code: str) -> str:
    """Run code by an environment's own Python, and return what it prints."""
    return process.run([str(folder(build.digest) / "bin/python"), "-I", "-c", code], timeout_s=60).stdout.strip()


async def test_a_list_that_names_its_own_repository_has_it_installed(portal: AgentClient, git: GitServer) -> None:
    """With what it depends on; its lock says of which commit it is and what builds it."""
    repository = git.repository("plain", {"requirements.txt": "-e .\n", "pyproject.toml": SETUPTOOLS, **MODULE})
    build = await ready(portal, repository.url)
    assert said(build, "import tides, six; print(tides.HIGH, tides.__file__)").startswith(
        f"high {folder(build.digest)}/lib"
    )
    assert locks.own(build.lock) == [locks.Own(repository.url, build.commit)]
    assert "six==" in locks.requirements(build.lock)
    assert "setuptools==" in locks.requirements(locks.tools(build.lock))
    assert "setuptools==" not in locks.requirements(build.lock)
