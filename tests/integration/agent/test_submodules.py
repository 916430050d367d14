"""Submodules in the files that servers get: fetched under the rules of the repository itself, and merged like it."""

import uuid
from pathlib import Path

import pytest

from agents import AgentProgram
from building import built, said
from git_servers import GitServer, git_server
from hubfleet.protocol.client import AgentClient
from working import at_work

pytestmark = [pytest.mark.integration, pytest.mark.anyio]


async def test_submodules_are_there_and_grow_with_the_repository(
    portal: AgentClient, program: AgentProgram, git: GitServer
) -> None:
    """Those in submodules too; what only ssh has, or nobody, is named and left out; changes of a person's stay."""
    deep = git.repository("deep", {"deep.txt": "deep\n"})
    inner = git.repository("inner", {"inner.txt": "one\n"})
    inner.link("data/deep", deep.git("rev-parse", "HEAD"), "../deep")
    second = inner.commit({"further.txt": "new\n"})
    first = inner.git("rev-parse", "HEAD~1")
    whole = git.repository("whole", {"a.ipynb": "{}"})
    whole.link("libs/inner", first, inner.url)
    whole.link("gone", "1" * 40, "../gone")
    whole.link("by-ssh", "1" * 40, "git@git.example.org:lab/x.git")
    before = await built(portal, f"{whole.url}", ref=whole.commit({"b.txt": "b\n"}))
    told = await said(portal, before)
    assert any(".gitmodules:6: gone is left out, as" in line for line in told), told
    assert any(".gitmodules:9: by-ssh is left out, as builds fetch by https" in line for line in told), told
    async with at_work(program, "ann", content=before.content) as ann:
        assert await ann.run("print(open('whole/libs/inner/inner.txt').read())") == "one"
        assert await ann.run("!git -C whole/libs/inner config remote.origin.url") == inner.url
        assert await ann.run("!git -C whole status --short") == ""
        await ann.run("open('whole/libs/inner/inner.txt', 'w').write('mine')")
    whole.git("update-index", "--cacheinfo", f"160000,{second},libs/inner")
    whole.git("commit", "--quiet", "-m", "newer")
    after = await built(portal, whole.url)
    async with at_work(program, "ann", content=after.content) as ann:
        assert await ann.run("import os; print(os.path.exists('whole/hubfleet-not-updated.txt'))") == "False"
        assert await ann.run("print(open('whole/libs/inner/further.txt').read())") == "new"
        assert await ann.run("print(open('whole/libs/inner/inner.txt').read())") == "mine"
        assert await ann.run("print(open('whole/libs/inner/data/deep/deep.txt').read())") == "deep"
    whole.commit({"c.txt": "c\n"})
    third = await built(portal, whole.url)
    async with at_work(program, "ann", content=third.content) as ann:
        assert await ann.run("import os; print(os.path.exists('whole/hubfleet-not-updated.txt'))") == "False"
        assert await ann.run("print(open('whole/c.txt').read())") == "c"
        assert await ann.run("print(open('whole/libs/inner/inner.txt').read())") == "mine"


async def test_a_token_goes_to_its_own_server_only(portal: AgentClient, tmp_path: Path) -> None:
    """A submodule elsewhere is asked for without it, and left out where it would be needed."""
    with (
        git_server(tmp_path / "own", password="s3cret-token") as own,
        git_server(tmp_path / "other", password="another") as other,
    ):
        beside = own.repository("beside", {"x": "x"})
        away = other.repository("away", {"x": "x"})
        whole = own.repository("whole", {"a": "a"})
        whole.link("beside", beside.git("rev-parse", "HEAD"), "../beside")
        whole.link("away", away.git("rev-parse", "HEAD"), away.url)
        whole.git("commit", "--quiet", "-m", "linked")
        build = await built(portal, whole.url, token="s3cret-token")
    told = await said(portal, build)
    assert build.content is not None, told
    assert any("away is left out" in line for line in told), told
    assert not any("beside is left out" in line for line in told)
    assert other.given and set(other.given) == {""}
    assert any(own.given)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ext::sh -c touch% /tmp/x", "is no address that a submodule may have"),
        ("-u./payload", "is no address that a submodule may have"),
        ("file:///etc", "is no address that a submodule may have"),
        ("../../../../x", "leads out of 127.0.0.1"),
        ("../{name}", "holds itself"),
        ("http://10.0.0.1/x", "at a private address"),
    ],
)
async def test_an_address_that_leads_elsewhere_is_refused_with_its_line(
    portal: AgentClient, git: GitServer, url: str, why: str
) -> None:
    """The environment is made, and servers get no files of it."""
    name = f"evil-{uuid.uuid4().hex[:8]}"
    repository = git.repository(name, {"a": "a"})
    repository.link("x", "1" * 40, url.format(name=name))
    repository.git("commit", "--quiet", "-m", "linked")
    build = await built(portal, repository.url)
    told = await said(portal, build)
    assert build.content is None
    assert any("servers get no copy of the files: .gitmodules:3: " in line and why in line for line in told), told


async def test_paths_and_numbers_have_limits(portal: AgentClient, git: GitServer) -> None:
    """A path beside the repository is refused with its line, and so are more submodules than anybody needs."""
    outside = git.repository("outside", {"a": "a", ".gitmodules": '[submodule "x"]\n\tpath = ../x\n\turl = ../x\n'})
    outside.link("y", "1" * 40, "../y")
    outside.git("commit", "--quiet", "-m", "linked")
    told = await said(portal, await built(portal, outside.url))
    assert any(".gitmodules:2: ../x: a submodule's path leads out" in line for line in told), told
    many = git.repository("many-links", {"a": "a"})
    for number in range(101):
        many.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},s{number}")
    many.git("commit", "--quiet", "-m", "linked")
    told = await said(portal, await built(portal, many.url))
    assert any("more than 100 submodules" in line for line in told), told
