"""Environments that people write by hand, by a real agent: versions alone, the texts of files, a folder of a home."""

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from agents import AgentProgram, FakeHub, agent
from git_servers import git_server
from hubfleet.errors import RefusedError
from hubfleet.model.content import Content
from hubfleet.portal.features.builds import drafts
from hubfleet.portal.features.builds.draft_pages import archived
from hubfleet.portal.features.builds.drafts import Draft
from hubfleet.protocol.builds import BuildState
from hubfleet.protocol.client import AgentClient
from hubfleet.protocol.files import TextsRequest
from integration.agent.test_data_sets import built
from integration.agent.test_given_files import AT, HERE, give

pytestmark = [pytest.mark.integration, pytest.mark.anyio]
WAVES = Draft(name="waves", pip="six\n", script="touch made-by-script\n")


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProgram]:
    folder = tmp_path_factory.mktemp("agent")
    with FakeHub() as ocean, FakeHub() as maths:
        hubs = {"ocean": ocean, "maths": maths}
        with agent(folder, hubs, git_hosts=["127.0.0.1"]) as running:
            yield running


@pytest.fixture(scope="module")
async def portal(program: AgentProgram) -> AsyncIterator[AgentClient]:
    client = program.client("portal-ocean")
    yield client
    await client.close()


async def test_versions_alone_make_nothing(portal: AgentClient) -> None:
    """The same versions as the environment that is made later; until then the cluster has none."""
    name = f"waves-{uuid.uuid4()}"
    await give(portal, name, archived(drafts.files(WAVES), AT))
    checked = await built(portal, f"{HERE}/{name}", only="lock")
    assert (checked.state, checked.message) == (BuildState.READY, "versions are chosen")
    assert "six==1.16.0 " in checked.lock
    assert (await portal.environment(checked.digest)).state == "absent"
    made = await built(portal, f"{HERE}/{name}")
    assert made.state is BuildState.READY, made
    assert (made.lock, made.digest) == (checked.lock, checked.digest)
    assert (await portal.environment(made.digest)).state == "ready"


async def test_what_does_not_go_together_is_explained(portal: AgentClient) -> None:
    """By the solver, whether or not anything shall be made."""
    files = drafts.files(Draft(name="x", pip="six==1.15\nsix==1.16\n"))
    await give(portal, "apart", archived(files, AT))
    checked = await built(portal, f"{HERE}/apart", only="lock")
    assert checked.state is BuildState.FAILED
    assert "six==1.15" in checked.hint


async def test_the_texts_of_a_builds_files_can_be_had(portal: AgentClient, program: AgentProgram) -> None:
    """By its own hub alone."""
    await give(portal, "texts", archived(drafts.files(WAVES), AT))
    build = await built(portal, f"{HERE}/texts", only="lock")
    content = Content(repository=build.repository, commit=build.commit)
    asked = TextsRequest(hub="ocean", content=content, paths=build.files)
    assert (await portal.texts(asked)).files == drafts.files(WAVES)
    stranger = program.client("portal-maths")
    with pytest.raises(RefusedError) as error:
        await stranger.texts(asked)
    assert error.value.status == 404
    await stranger.close()


async def test_texts_are_those_of_the_repository(portal: AgentClient, tmp_path: Path) -> None:
    """Nothing that a link leads to outside, nothing of git's, nothing that is no text or that nobody would write."""
    with git_server(tmp_path) as git:
        files = {"requirements.txt": "six\n", "sub/more.txt": "attrs\n", "long.txt": "x" * 200_001, "odd.txt": "\x00"}
        links = {"in.txt": "sub/more.txt", "out.txt": "/etc/passwd", "ring.txt": "ring.txt", "up": "../../../.."}
        repository = git.repository("texts")
        repository.commit(files, links=links)
        build = await built(portal, repository.url, only="lock")
        content = Content(repository=build.repository, commit=build.commit)
        paths = [*files, *links, "up/etc/passwd", ".git/config", "sub", "none.txt"]
        found = await portal.texts(TextsRequest(hub="ocean", content=content, paths=paths))
        assert found.files == {
            "requirements.txt": "six\n",
            "sub/more.txt": "attrs\n",
            "in.txt": "attrs\n",
            "odd.txt": "\x00",
        }
    for path in ("../x", "/etc/passwd"):
        with pytest.raises(ValidationError):
            TextsRequest(hub="ocean", content=content, paths=[path])


async def test_a_private_repositorys_texts_need_its_key(portal: AgentClient) -> None:
    key = "00000000-0000-4000-8000-000000000000"
    content = Content(repository="https://git.test/private", commit="c" * 40, key=key)
    with pytest.raises(RefusedError, match="private repository are not here any more") as error:
        await portal.texts(TextsRequest(hub="ocean", content=content, paths=["requirements.txt"]))
    assert error.value.status == 409
