"""Environments of real git repositories, by a real agent: what is honoured, what is refused, what is done only once."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from agents import AgentProgram, FakeHub, agent
from building import built
from git_servers import GitServer, git_server
from hubfleet.agent.environments import locks
from hubfleet.protocol.builds import BuildRequest, BuildState
from hubfleet.protocol.client import AgentClient

pytestmark = [pytest.mark.integration, pytest.mark.anyio]

AT = "2024-06-01T12:00:00Z"
SMALL = {"requirements.txt": "six\n"}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProgram]:
    with FakeHub() as ocean, FakeHub() as maths:
        folder = tmp_path_factory.mktemp("agent")
        with agent(folder, {"ocean": ocean, "maths": maths}, git_hosts=["127.0.0.1"]) as running:
            yield running


async def test_a_repository_becomes_an_environment_as_of_its_last_change(portal: AgentClient, git: GitServer) -> None:
    """What it names is locked as of the commit that named it, with hashes, and can run a kernel."""
    repository = git.repository("plain", SMALL, at="2021-06-01T12:00:00Z")
    build = await built(portal, repository.url)
    assert build.state is BuildState.READY, build
    assert "six==1.16.0 --hash=sha256:" in build.lock
    assert "ipykernel==" in build.lock
    assert locks.digest(build.lock) == build.digest
    assert build.files == ["requirements.txt"]
    assert build.packages_until == "2021-06-01T12:00:00+00:00"
    assert (await portal.environment(build.digest)).state == "ready"


async def test_a_commit_that_touches_notebooks_only_keeps_the_environment(portal: AgentClient, git: GitServer) -> None:
    """A later commit elsewhere in the repository has the same digest, and nothing is chosen or made again."""
    repository = git.repository("notebooks", SMALL, at=AT)
    first = await built(portal, repository.url)
    commit = repository.commit({"one.ipynb": "{}"}, at="2025-06-01T12:00:00Z")
    second = await built(portal, repository.url)
    assert second.commit == commit != first.commit
    assert (second.digest, second.packages_until) == (first.digest, first.packages_until)


async def test_the_folder_binder_comes_before_the_root_and_links_are_followed(
    portal: AgentClient, git: GitServer
) -> None:
    """What binder/ says counts, through a link and with what it includes; a file beside it in the root does not."""
    repository = git.repository("folders")
    files = {"requirements.txt": "not-this-one\n", "needs/all.txt": "-r more.txt\n", "needs/more.txt": "six==1.15.0\n"}
    repository.commit(files, links={"binder/requirements.txt": "../needs/all.txt"}, at=AT)
    refused = await built(portal, repository.url)
    assert refused.state is BuildState.FAILED
    assert "there is no binder/more.txt in the repository" in refused.message
    repository.commit({"binder/more.txt": "-c ../needs/more.txt\nsix\n"}, at=AT)
    build = await built(portal, repository.url)
    assert build.state is BuildState.READY, build
    assert "six==1.15.0" in build.lock
    assert build.files == ["binder/requirements.txt", "binder/more.txt", "needs/more.txt"]


async def test_branches_tags_and_commits_are_found(portal: AgentClient, git: GitServer) -> None:
    """A branch with a slash, an annotated tag and a full commit name what git means by them."""
    repository = git.repository("refs", SMALL, at=AT)
    first = repository.git("rev-parse", "HEAD")
    repository.git("tag", "-a", "v1", "-m", "one")
    repository.git("checkout", "--quiet", "-b", "feature/x")
    second = repository.commit({"requirements.txt": "six==1.15.0\n"}, at=AT)
    repository.git("checkout", "--quiet", "main")
    found = [(await built(portal, repository.url, ref=ref)).commit for ref in ("main", "v1", "feature/x", first)]
    assert found == [first, first, second, first]


async def test_a_repository_that_names_nothing_gets_the_hubs_own_software(portal: AgentClient, git: GitServer) -> None:
    """Notebooks alone need no environment of their own."""
    build = await built(portal, git.repository("bare", {"one.ipynb": "{}"}).url)
    assert build.state is BuildState.READY
    assert (build.digest, build.lock) == ((await portal.capabilities()).base_digest, "")


async def test_another_date_and_none_are_honoured(portal: AgentClient, git: GitServer) -> None:
    """A day counts whole; without a date the newest packages are taken."""
    repository = git.repository("dates", SMALL, at="2021-06-01T12:00:00Z")
    old = await built(portal, repository.url, packages_until="2020-05-21")
    new = await built(portal, repository.url, packages_until="none")
    assert "six==1.15.0 " in old.lock
    assert old.packages_until == "2020-05-22T00:00:00+00:00"
    assert "six==1.15.0 " not in new.lock and "six==1.16.0 " not in new.lock
    assert new.packages_until == ""


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"requirements.txt": "six\nno-such-package-of-hubfleet-1\n"}, "no-such-package-of-hubfleet-1"),
        ({"requirements.txt": "six==1.16.0\nsix==1.15.0\n"}, "six"),
        ({"requirements.txt": "six\n\n-e .\n"}, "line 3 of requirements.txt"),
        ({"requirements.txt": "--index-url https://elsewhere.example/simple\nsix\n"}, "--index-url"),
        ({"requirements.txt": "six @ https://elsewhere.example/six.whl\n"}, "line 1"),
        ({"requirements.txt": "this is no requirement\n"}, "requirements.txt"),
        ({"requirements.txt": "-r ../../etc/passwd\n"}, "leads out of the repository"),
        ({"requirements.txt": "-r missing.txt\n"}, "missing.txt"),
        ({"binder/apt.txt": "tree --allow-unauthenticated\n"}, "line 1 of binder/apt.txt"),
    ],
)
async def test_what_cannot_be_honoured_is_refused_by_name(
    portal: AgentClient, git: GitServer, files: dict[str, str], said: str
) -> None:
    """The message or its hint names the file, line or package."""
    build = await built(portal, git.repository(f"refused-{uuid.uuid4().hex[:8]}", files).url)
    assert build.state is BuildState.FAILED
    assert said in f"{build.message} {build.hint}"


async def test_what_is_not_there_is_said(portal: AgentClient, git: GitServer) -> None:
    """No repository, no such ref, nobody at that address: each has its own words."""
    repository = git.repository("there", SMALL)
    missing = await built(portal, repository.url, ref="no-such-branch")
    assert "no branch, tag or commit 'no-such-branch'" in missing.message
    assert "no git repository" in (await built(portal, f"{repository.url}-not")).message
    assert "does not answer" in (await built(portal, "http://127.0.0.1:1/x")).message
    assert "no host named" in (await built(portal, "https://no-such-host.invalid/x")).message


async def test_private_addresses_are_refused(portal: AgentClient) -> None:
    """Neither the host's own services nor a cloud's metadata can be asked through a build."""
    for address in ("http://localhost/x", "http://169.254.169.254/latest", "http://[::1]/x", "http://10.0.0.1/x"):
        build = await built(portal, address)
        assert build.state is BuildState.FAILED
        assert "private address" in build.message


async def test_a_redirect_is_not_followed(portal: AgentClient, tmp_path: Path) -> None:
    """A server of the outside cannot send git on to an address that nobody judged."""
    with git_server(tmp_path, refuse=302) as server:
        build = await built(portal, f"http://127.0.0.1:{server.port}/x")
    assert "sends on to another address" in build.message


async def test_a_commit_that_is_known_needs_no_git_server(portal: AgentClient, tmp_path: Path) -> None:
    """What a full hash names stays the same; a branch is asked for each time."""
    with git_server(tmp_path) as server:
        repository = server.repository("known", SMALL)
        first = await built(portal, repository.url)
        server.refuse = 503
        again = await built(portal, repository.url, ref=first.commit)
        assert (again.state, again.digest, again.content) == (BuildState.READY, first.digest, first.content)
        assert (await built(portal, repository.url)).state is BuildState.FAILED


async def test_a_private_repository_needs_its_token_each_time(
    portal: AgentClient, program: AgentProgram, tmp_path: Path
) -> None:
    """With the token it is built; without, it is as if it did not exist, though it was fetched before; none is kept."""
    with git_server(tmp_path, password="s3cret-token") as server:
        repository = server.repository("private", SMALL, at=AT)
        commit = repository.git("rev-parse", "HEAD")
        assert "is private" in (await built(portal, repository.url)).message
        assert (await built(portal, repository.url, token="s3cret-token")).state is BuildState.READY
        assert "is private" in (await built(portal, repository.url)).message
        assert "is private" in (await built(portal, repository.url, ref=commit)).message
    kept = [path for path in program.folder.rglob("*") if path.is_file() and b"s3cret-token" in path.read_bytes()]
    assert kept == []


async def test_another_hub_sees_no_build(portal: AgentClient, program: AgentProgram, git: GitServer) -> None:
    """A build is its hub's own, and a hub's own key may begin none."""
    build = await built(portal, git.repository("own", SMALL).url)
    for name in ("portal-maths", "ocean"):
        client = program.client(name)
        with pytest.raises(Exception, match=r"no such|may not"):
            await client.build(build.id)
        await client.close()


async def test_two_builds_of_one_commit_meet(portal: AgentClient, git: GitServer) -> None:
    """Both watch to the end and get the same environment."""
    repository = git.repository("twice", {"requirements.txt": "six==1.14.0\n"}, at=AT)
    names = [str(uuid.uuid4()) for _ in range(2)]
    for name in names:
        await portal.start_build(name, BuildRequest(hub="ocean", repository=repository.url))
    with anyio.fail_after(240):
        for name in names:
            async for _ in portal.build_events(name):
                pass
    found = [await portal.build(name) for name in names]
    assert {build.state for build in found} == {BuildState.READY}
    assert len({build.digest for build in found}) == 1


async def test_a_build_that_is_stopped_leaves_no_process(
    portal: AgentClient, program: AgentProgram, git: GitServer
) -> None:
    """What it had started is ended with it."""
    repository = git.repository("stopped", {"requirements.txt": "scipy\n"}, at=AT)
    name = str(uuid.uuid4())
    await portal.start_build(name, BuildRequest(hub="ocean", repository=repository.url))
    async for event in portal.build_events(name):
        if event.state is BuildState.RESOLVING:
            await portal.stop_build(name)
    assert (await portal.build(name)).state is BuildState.STOPPED
    with anyio.fail_after(20):
        while left := _boxed(program):
            await anyio.sleep(0.02)
    assert left == []


def _boxed(program: AgentProgram) -> list[str]:
    """Return commands that run in the agent's build folder."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit() and int(path.name) != os.getpid():
            try:
                line = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(program.folder / "data" / "builds") in line:
                found.append(line)
    return found
