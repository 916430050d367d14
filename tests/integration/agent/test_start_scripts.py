"""A repository's `start` around real servers: what it sets holds in notebooks, and what goes wrong is readable."""

import os
import uuid

import anyio
import pytest

from agents import AgentProgram, reached, server_id, server_request, wait_for
from git_servers import GitServer
from hubfleet.model.content import Content
from hubfleet.protocol.builds import BuildRequest
from hubfleet.protocol.client import AgentClient
from hubfleet.protocol.messages import ServerState
from working import at_work

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.anyio]

START = """#!/bin/sh
export TIDE=high
touch made-by-start
exec "$@"
"""


async def content(client: AgentClient, git: GitServer, files: dict[str, str]) -> Content:
    """Build a new repository and return its files."""
    repository = git.repository(f"tides-{uuid.uuid4().hex[:6]}", files)
    name = str(uuid.uuid4())
    await client.start_build(name, BuildRequest(hub="ocean", repository=repository.url))
    with anyio.fail_after(240):
        async for _ in client.build_events(name):
            pass
    build = await client.build(name)
    assert build.content is not None, build
    return build.content


async def test_it_runs_in_the_copy_and_what_it_sets_holds_in_notebooks(
    portal: AgentClient, program: AgentProgram, git: GitServer
) -> None:
    """That of binder/, not the one in the root; in an empty home and in a lasting one."""
    wanted = await content(portal, git, {"binder/start": START, "start": "#!/bin/sh\nexit 1\n"})
    async with at_work(program, "ann"):
        pass
    if os.geteuid() == 0:
        wait_for(lambda: "start warm" in program.log, 60, lambda: program.log)
    async with at_work(program, "ann", content=wanted, fresh_home=True) as ann:
        assert await ann.run("import os; print(os.environ['TIDE'], os.path.exists('made-by-start'))") == "high True"
        assert await ann.run("print('HUBFLEET_COPY' in os.environ, os.getcwd())") == "False /home/jovyan"
    async with at_work(program, "ann", content=wanted) as ann:
        assert await ann.run(f"import os; print(os.listdir('{wanted.folder}'))") != ""
        assert (
            await ann.run(f"print(os.environ['TIDE'], os.path.exists('{wanted.folder}/made-by-start'))") == "high True"
        )
    async with at_work(program, "ann") as ann:
        assert await ann.run("import os; print(os.environ.get('TIDE'))") == "None"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("#!/bin/sh\necho no tide today >&2\nexit 3\n", "binder/start ended with status 3"),
        ("#!/bin/sh\nexport TIDE=high\n", 'binder/start ended without `exec "$@"`'),
    ],
)
async def test_one_that_starts_no_server_is_named(
    portal: AgentClient, program: AgentProgram, git: GitServer, text: str, said: str
) -> None:
    """The message is for the person, the script's own words are in the server's log, and nothing is left."""
    wanted = await content(portal, git, {"binder/start": text})
    client, server = program.client("ocean"), server_id("ocean", "bob")
    await client.start_server(
        server, server_request("ocean", "bob", content=wanted), idempotency_key=os.urandom(4).hex()
    )
    with anyio.fail_after(60):
        while said not in (failed := await client.server(server)).message:
            assert failed.state is not ServerState.RUNNING
            await anyio.sleep(0.05)
    failed = await reached(client, server, ServerState.FAILED)
    assert said in failed.message
    assert "log" in failed.hint
    await client.close()


async def test_a_start_that_is_a_link_out_of_the_repository_does_not_run(
    portal: AgentClient, program: AgentProgram, git: GitServer
) -> None:
    """Only the repository's own file counts."""
    repository = git.repository("leads-out")
    repository.commit({"a": "b"}, links={"start": "/bin/false"})
    name = str(uuid.uuid4())
    await portal.start_build(name, BuildRequest(hub="ocean", repository=repository.url))
    async for _ in portal.build_events(name):
        pass
    async with at_work(program, "cyd", content=(await portal.build(name)).content) as cyd:
        assert await cyd.run("print(1)") == "1"
