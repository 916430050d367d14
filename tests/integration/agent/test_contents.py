"""Repositories' files in servers: copied once and never written over, git's own, and only for whom they are."""

import os
import uuid
from pathlib import Path

import pytest

from agents import AgentProgram, reached, server_id, server_request
from building import built, said
from git_servers import GitServer, git_server
from hubfleet.model.content import Content
from hubfleet.protocol.builds import BuildState
from hubfleet.protocol.client import AgentClient
from hubfleet.protocol.messages import ServerState
from working import at_work

pytestmark = [pytest.mark.integration, pytest.mark.anyio]

FILES = {"one.ipynb": "{}", "data/two words.csv": "1,2\n", "run.sh": "echo hello\n"}
ASK = """import os, urllib.request, urllib.error
def ask(page):
    page = os.environ["JUPYTERHUB_SERVICE_URL"] + page
    try:
        return urllib.request.urlopen(urllib.request.Request(page, headers={"Authorization": "token owner-of-gil"}))
    except urllib.error.HTTPError as error:
        return error
print(ask"""
"""Ask one's own server for a page; completed by `(page).status)`."""
SEE = "import os; print(sorted(name for name in os.listdir() if name[0] != '.'))"


async def test_a_build_brings_the_files_and_a_server_finds_them(
    portal: AgentClient, program: AgentProgram, git: GitServer
) -> None:
    """They are in a folder with the repository's name, as a clone on its branch, which the page opens."""
    repository = git.repository("wave-tides", FILES)
    build = await built(portal, repository.url)
    assert build.content is not None
    assert build.content == Content(repository=repository.url, commit=build.commit)
    content = build.content.model_copy(update={"open": "data/two words.csv"})
    async with at_work(program, "ann", content=content) as ann:
        assert await ann.run(SEE) == "['wave-tides']"
        assert await ann.run("print(open('wave-tides/data/two words.csv').read())") == "1,2"
        assert (
            await ann.run("!cd wave-tides && git -c color.ui=never status --short --branch") == "## main...origin/main"
        )
        assert await ann.run("!cd wave-tides && git config remote.origin.url") == repository.url
        assert (
            await ann.run("print(os.environ['JUPYTERHUB_DEFAULT_URL'])") == "/lab/tree/wave-tides/data/two%20words.csv"
        )


async def test_what_a_person_did_to_a_copy_stays(portal: AgentClient, program: AgentProgram, git: GitServer) -> None:
    """The same commit again is the same folder as it was left; another comes beside it where that is wanted."""
    repository = git.repository("kept", FILES)
    first = (await built(portal, repository.url)).content
    repository.commit({"one.ipynb": "[]"})
    second = (await built(portal, repository.url)).content
    assert first is not None and second is not None
    async with at_work(program, "bob", content=first) as bob:
        await bob.run("open('kept/one.ipynb', 'w').write('mine'); os = __import__('os'); os.remove('kept/run.sh')")
    async with at_work(program, "bob", content=first) as bob:
        assert await bob.run("print(open('kept/one.ipynb').read())") == "mine"
        assert await bob.run(SEE) == "['kept']"
        assert await bob.run("print(os.path.exists('kept/run.sh'))") == "False"
    async with at_work(program, "bob", content=second, content_beside=True) as bob:
        beside = f"kept-{second.commit[:7]}"
        assert await bob.run(SEE) == str(["kept", beside])
        assert await bob.run(f"print(open('kept/one.ipynb').read(), open('{beside}/one.ipynb').read())") == "mine []"
        await bob.run(f"import shutil; shutil.rmtree('{beside}'); open('{beside}', 'w').close()")
    async with at_work(program, "bob", content=second, content_beside=True) as bob:
        assert await bob.run(SEE) == str(["kept", beside, f"{beside}-2"])


async def test_a_newer_commit_is_merged_into_the_copy(
    portal: AgentClient, program: AgentProgram, git: GitServer
) -> None:
    """What its person changed stays, by a plain start and by a warm one; no link makes nbgitpuller fetch anything."""
    repository = git.repository("grows", FILES)
    first = (await built(portal, repository.url)).content
    repository.commit({"one.ipynb": "[]", "two.ipynb": "{}"})
    second = (await built(portal, repository.url)).content
    repository.commit({"three.ipynb": "{}"})
    third = (await built(portal, repository.url)).content
    async with at_work(program, "gil", content=first) as gil:
        await gil.run("open('grows/one.ipynb', 'w').write('mine')")
    for content, there in ((second, 2), (third, 3)):
        async with at_work(program, "gil", content=content) as gil:
            assert await gil.run(SEE) == "['grows']"
            assert await gil.run("print(open('grows/one.ipynb').read())") == "mine"
            assert await gil.run("import glob; print(len(glob.glob('grows/*.ipynb')))") == str(there)
            assert [await gil.run(f"{ASK}('{page}').status)") for page in ("git-pull", "api")] == ["404", "200"]


async def test_files_that_went_are_fetched_again(portal: AgentClient, program: AgentProgram, git: GitServer) -> None:
    """What was removed for its room, or left half made by a crash, comes back with the next start."""
    content = (await built(portal, git.repository("again", FILES).url)).content
    marker = next(
        path.parents[2] / "complete"
        for path in (program.folder / "data/builds/contents/ocean").glob("*/tree/.git/config")
        if "/again" in path.read_text()
    )
    marker.unlink()
    async with at_work(program, "cyd", content=content) as cyd:
        assert await cyd.run(SEE) == "['again']"
    assert marker.exists()


async def test_a_private_repositorys_files_are_for_whom_its_token_fetched_them(
    portal: AgentClient, program: AgentProgram, tmp_path: Path
) -> None:
    """Who knows its address and commit alone gets nothing; the token is nowhere in the copy."""
    with git_server(tmp_path, password="s3cret-token") as server:
        repository = server.repository("private", FILES)
        content = (await built(portal, repository.url, token="s3cret-token")).content
        assert content is not None
        assert content.key
        async with at_work(program, "dan", content=content) as dan:
            assert await dan.run(SEE) == "['private']"
            assert await dan.run("!grep -r s3cret . | wc -l") == "0"
        guessed = content.model_copy(update={"key": ""})
        assert "is private" in await refused(program, "eve", guessed)
        gone = content.model_copy(update={"key": str(uuid.uuid4())})
        assert "not here any more" in await refused(program, "eve", gone)


async def refused(program: AgentProgram, name: str, content: Content) -> str:
    """Start a server that cannot be started and return why."""
    client, server = program.client("ocean"), server_id("ocean", name)
    await client.start_server(
        server, server_request("ocean", name, content=content), idempotency_key=os.urandom(4).hex()
    )
    try:
        failed = await reached(client, server, ServerState.FAILED)
    finally:
        await client.close()
    return f"{failed.message} {failed.hint}"


async def test_hostile_trees_harm_nobody(portal: AgentClient, program: AgentProgram, git: GitServer) -> None:
    """Links lead nowhere that their person could not go, nothing of the repository runs."""
    repository = git.repository("hostile")
    filters = {".gitattributes": "*.txt filter=evil\n", "a.txt": "text\n"}
    modules = {".gitmodules": '[submodule "x"]\npath = x\nurl = http://127.0.0.1:1/x\n'}
    repository.commit({**FILES, **filters, **modules}, links={"out": "/etc/shadow", "up": "../../..", "loop": "loop"})
    build = await built(portal, repository.url)
    assert build.content is not None
    async with at_work(program, "fay", content=build.content) as fay:
        assert (
            await fay.run("import os; print(os.readlink('hostile/out'), os.path.islink('hostile/loop'))")
            == "/etc/shadow True"
        )
        assert "Error" in await fay.run("try: print(open('hostile/out').read())\nexcept OSError as e: print(repr(e))")


async def test_files_of_lfs_are_named(portal: AgentClient, git: GitServer) -> None:
    """With what they would hold; what only says that it is one is a file like any other."""
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 3145728\n"
    marked = {".gitattributes": "*.bin filter=lfs\n", "not.bin": "data\n", "other.txt": pointer}
    repository = git.repository("lfs", {**marked, "tide ä.bin": pointer, "b/wave.bin": pointer})
    build = await built(portal, repository.url)
    told = await said(portal, build)
    assert build.content is not None
    why = "b/wave.bin, tide ä.bin stay pointers of Git LFS (6.0 MiB), as builds do not fetch from LFS servers"
    assert why in told, told


async def test_a_repository_that_is_too_large_still_gives_its_environment(portal: AgentClient, git: GitServer) -> None:
    """Its files are not copied, which the build says with the reason."""
    repository = git.repository("bomb")
    blob = repository.git("hash-object", "-w", "/dev/null")
    tree = repository.git("mktree", stdin="".join(f"100644 blob {blob}\tf{n}\n" for n in range(300)))
    for _ in range(2):
        tree = repository.git("mktree", stdin="".join(f"040000 tree {tree}\td{n}\n" for n in range(40)))
    repository.git("update-ref", "refs/heads/main", repository.git("commit-tree", tree, "-m", "many"))
    build = await built(portal, repository.url)
    assert build.state is BuildState.READY
    assert build.content is None
    assert any("holds more than 200000 files" in line for line in await said(portal, build))
