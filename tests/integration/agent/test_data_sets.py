"""Environments and files of data sets, by a real agent, from servers that answer as each kind documents."""

import shutil
from collections.abc import Iterator, Mapping

import pytest

from agents import AgentProgram, FakeHub, agent, reached, server_id, server_request
from building import built, said
from data_servers import Answer, DataServer, data_server, zipped
from git_servers import git_server
from hubfleet.model.content import Content
from hubfleet.protocol.builds import Build, BuildState
from hubfleet.protocol.client import AgentClient
from hubfleet.protocol.messages import ServerState
from working import at_work

pytestmark = [pytest.mark.integration, pytest.mark.anyio]

FILES = {"requirements.txt": b"six\n", "one.ipynb": b"{}", "data/waves.csv": b"1,2\n"}
SIX = "six==1.16.0"
"""The one of June 2024."""
RESOURCE = "8f7c2f0341ef4180b0dbe97f59130756"


@pytest.fixture(scope="module")
def data() -> Iterator[DataServer]:
    with data_server() as server:
        yield server


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, data: DataServer) -> Iterator[AgentProgram]:
    folder, hosts = tmp_path_factory.mktemp("agent"), data.hosts
    with FakeHub() as ocean, agent(folder, {"ocean": ocean}, git_hosts=["127.0.0.1"], data_hosts=hosts) as running:
        yield running


async def files_of(program: AgentProgram, name: str, build: Build) -> dict[str, str]:
    """Return the files that a server finds, but for git's own."""
    read = (
        "import pathlib; print({str(path.relative_to(here)): path.read_text() for here in pathlib.Path().glob('[!.]*') "
        "for path in sorted(here.rglob('*')) if path.is_file() and '.git' not in path.parts})"
    )
    assert build.content is not None, build
    async with at_work(program, name, content=build.content) as person:
        found = await person.run(read)
    return dict(eval(found))


def texts(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: content.decode() for name, content in files.items()}


async def test_zenodo(portal: AgentClient, program: AgentProgram, data: DataServer) -> None:
    """A record's single archive stands for what is in its only folder; packages are those of the record's date."""
    address = data.zenodo(101, {"waves.zip": zipped({f"waves-1.0/{name}": FILES[name] for name in FILES})})
    build = await built(portal, address)
    assert build.state is BuildState.READY, build
    assert SIX in build.lock
    assert build.packages_until == "2024-06-01T12:00:00+00:00"
    assert await files_of(program, "ann", build) == texts(FILES)
    data.asked.clear()
    again = await built(portal, address)
    assert (again.commit, again.digest) == (build.commit, build.digest)
    assert [path for path in data.asked if path.endswith("/content")] == []


async def test_files_that_are_several_stay_as_they_are(portal: AgentClient, data: DataServer) -> None:
    """Beside other files an archive is a file."""
    build = await built(portal, data.zenodo(102, {"requirements.txt": b"six\n", "more.zip": zipped(FILES)}))
    assert build.state is BuildState.READY, build
    assert "fetching record 102, files: 2" in await said(portal, build)
    assert build.files == ["requirements.txt"]


async def test_figshare(portal: AgentClient, program: AgentProgram, data: DataServer) -> None:
    """A DOI without a version is the newest one, and one with it keeps to it; links to elsewhere are left out."""
    first = data.figshare(201, 1, {"waves.zip": zipped(FILES)})
    old = await built(portal, f"{first}.v1")
    assert old.state is BuildState.READY, old
    newest = await built(portal, data.figshare(201, 2, {"requirements.txt": b"six\n", "two.ipynb": b"{}"}))
    assert newest.state is BuildState.READY, newest
    assert await files_of(program, "bob", newest) == {"requirements.txt": "six\n", "two.ipynb": "{}"}
    page = await built(portal, "https://figshare.com/articles/dataset/waves/201/1")
    assert page.digest == old.digest
    assert (await built(portal, first, ref="v1")).commit == old.commit != newest.commit


async def test_dataverse(portal: AgentClient, program: AgentProgram, data: DataServer) -> None:
    """Folders and original names come back; what is restricted is left out; a file's DOI is its data set's."""
    address = data.dataverse("10.7910/DVN/TJCLKP", FILES, restricted={"secret.csv": b"x"})
    build = await built(portal, address)
    assert build.state is BuildState.READY, build
    assert "1 files are restricted, and left out" in await said(portal, build)
    assert await files_of(program, "cyd", build) == texts(FILES)
    for same in (f"{address}/ONE", f"{data.url}/api/access/datafile/1"):
        assert (await built(portal, same)).commit == build.commit
    assert (await built(portal, address, ref="1.2")).commit == build.commit


async def test_hydroshare(portal: AgentClient, program: AgentProgram, data: DataServer) -> None:
    """The archive is waited for, and only the resource's contents of it count."""
    build = await built(portal, data.hydroshare(RESOURCE, FILES, prepares=1))
    assert build.state is BuildState.READY, build
    assert "the server prepares the archive" in await said(portal, build)
    assert await files_of(program, "dan", build) == texts(FILES)


async def test_ckan(portal: AgentClient, program: AgentProgram, data: DataServer) -> None:
    """All resources come, by their files' names; an activity is the data set as it was then."""
    flat = {"requirements.txt": b"six\n", "two words.csv": b"1\n"}
    address = data.ckan("sea-level", flat)
    build = await built(portal, address)
    assert build.state is BuildState.READY, build
    assert await files_of(program, "eve", build) == texts(flat)
    old = await built(portal, f"{address}/history/act-1")
    assert old.packages_until == "2023-01-01T00:00:00+00:00"


async def test_an_address_that_only_looks_like_a_data_sets_is_a_git_repositorys(
    portal: AgentClient, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Its server is asked, and is none of data."""
    with git_server(tmp_path_factory.mktemp("git")) as server:
        repository = server.repository("group/dataset/waves", {"requirements.txt": "six\n"})
        build = await built(portal, repository.url)
    assert build.state is BuildState.READY, build
    assert build.commit == repository.git("rev-parse", "HEAD")


async def test_files_that_went_come_back_from_the_server(
    portal: AgentClient, program: AgentProgram, data: DataServer
) -> None:
    """The same commit comes of the same version, wherever it is made; of another version none does."""
    build = await built(portal, data.zenodo(103, {"waves.zip": zipped(FILES)}))
    builds = program.folder / "data/builds"
    shutil.rmtree(builds / "contents")
    shutil.rmtree(builds / "repositories")
    assert await files_of(program, "fay", build) == texts(FILES)
    shutil.rmtree(builds / "contents")
    shutil.rmtree(builds / "repositories")
    data.zenodo(103, {"waves.zip": zipped({"other.txt": b"1"})})
    assert build.content is not None
    assert "another version" in await refused(program, build.content)


async def refused(program: AgentProgram, content: Content) -> str:
    """Return why a server does not start."""
    client = program.client("ocean")
    server = server_id("ocean", "gus")
    await client.start_server(server, server_request("ocean", "gus", content=content), idempotency_key="one")
    failed = await reached(client, server, ServerState.FAILED)
    await client.close()
    return f"{failed.message} {failed.hint}"


async def test_what_cannot_be_had_is_said(portal: AgentClient, data: DataServer) -> None:
    """A DOI that is none, one that leads elsewhere, and a file that is not what its server says."""
    data.doi("10.1000/paper", "https://example.org/paper")
    broken = data.zenodo(104, {"one.txt": b"1"})
    data.answers["/api/records/104/files/one.txt/content"] = [Answer(b"2")]
    told = {
        "https://doi.org/10.5281/zenodo.999": "there is no DOI 10.5281/zenodo.999",
        "https://doi.org/10.1000/paper": "leads to example.org, which is no server of data",
        "https://zenodo.org/communities/waves": "is no record's page",
        "https://zenodo.org/records/998": "there is nothing at",
        broken: "is not what its server says it is",
    }
    for address, message in told.items():
        build = await built(portal, address)
        assert (build.state, message in build.message) == (BuildState.FAILED, True), build
    refused = await built(portal, broken, token="secret")
    assert refused.message == "a data set is fetched without a token"
