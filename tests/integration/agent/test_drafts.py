"""Environments that people write by hand, by a real agent: versions alone, the texts of files, a folder of a home."""

from collections.abc import AsyncIterator, Iterator

import pytest

from agents import AgentProgram, FakeHub, agent
from hubfleet.portal.features.builds import drafts
from hubfleet.portal.features.builds.draft_pages import archived
from hubfleet.portal.features.builds.drafts import Draft
from hubfleet.protocol.builds import BuildState
from hubfleet.protocol.client import AgentClient
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
    with FakeHub() as ocean, FakeHub() as maths, agent(folder, {"ocean": ocean, "maths": maths}) as running:
        yield running


@pytest.fixture(scope="module")
async def portal(program: AgentProgram) -> AsyncIterator[AgentClient]:
    client = program.client("portal-ocean")
    yield client
    await client.close()


async def test_versions_alone_make_nothing(portal: AgentClient) -> None:
    """The same versions as the environment that is made later; until then the cluster has none."""
    archive = archived(drafts.files(WAVES), AT)
    await give(portal, "waves", archive)
    checked = await built(portal, f"{HERE}/waves", only="lock")
    assert (checked.state, checked.message) == (BuildState.READY, "versions are chosen")
    assert "six==1.16.0 " in checked.lock
    assert (await portal.environment(checked.digest)).state == "absent"
    made = await built(portal, f"{HERE}/waves")
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
