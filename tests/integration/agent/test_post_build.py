"""A repository's `postBuild` by a real agent: what it makes, what it is refused, and what it cannot reach."""

import uuid
from pathlib import Path

import anyio
import pytest

from agents import AgentProgram, FakeHub, agent
from building import built
from environments import PYTHON, folder
from git_servers import GitServer
from hubfleet.agent.environments import locks
from hubfleet.agent.environments.realised import Realised
from hubfleet.protocol.builds import BuildState
from hubfleet.protocol.client import AgentClient
from working import at_work

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.anyio]

SIX = {"requirements.txt": "six\n"}
USEFUL = """#!/bin/bash
set -e
python -c 'import six, sys; print("prepared by", sys.prefix)' > data.txt
echo 'tide = "high"' > "$(python -c 'import six, os; print(os.path.dirname(six.__file__))')/tides.py"
mkdir -p .config && rm notes.md && chmod 4755 data.txt
echo '# changed' >> .git/config
"""


async def failed(client: AgentClient, git: GitServer, script: str) -> str:
    """Build a repository whose postBuild does not work, and return what is said of it."""
    repository = git.repository(f"bad-{uuid.uuid4().hex[:8]}", {**SIX, "postBuild": script})
    build = await built(client, repository.url)
    assert build.state is BuildState.FAILED, build
    return f"{build.message} {build.hint}"


async def test_what_it_made_is_in_the_environment_and_in_the_copy_of_the_files(
    portal: AgentClient, program: AgentProgram, git: GitServer
) -> None:
    """At the path where it ran; git's own folder is as it was fetched, but for the script's right to be run."""
    repository = git.repository("useful", {**SIX, "binder/postBuild": USEFUL, "notes.md": "x"})
    repository.commit({"binder/requirements.txt": "six\n"})
    build = await built(portal, repository.url)
    assert build.state is BuildState.READY, f"{build.message} {build.hint}"
    assert build.files == ["binder/requirements.txt", "binder/postBuild"]
    assert build.lock.splitlines()[-1] == f"postbuild:{repository.url}@{build.commit}"
    assert locks.digest(build.lock) == build.digest
    plain = folder(locks.digest(locks.without_post_build(build.lock)))
    made = Realised.at(folder(build.digest))
    assert made.seen_at == plain
    assert not list(plain.rglob("tides.py"))
    shared = next(plain.glob("lib/*/site-packages/six.py"))
    assert (made.prefix / shared.relative_to(plain)).stat().st_ino == shared.stat().st_ino
    async with at_work(program, "ann", environment=build.digest, content=build.content) as ann:
        assert await ann.run("import tides; print(tides.tide)") == "high"
        assert await ann.run("print(open('useful/data.txt').read())") == f"prepared by {plain}"
        assert await ann.run("import os; print(oct(os.stat('useful/data.txt').st_mode))") == "0o100755"
        changed = await ann.run("!cd useful && git -c color.ui=never status --short")
        assert changed.split() == ["M", "binder/postBuild", "D", "notes.md", "??", "data.txt"]
        assert await ann.run("!grep -c changed useful/.git/config") == "0"
    async with at_work(program, "bob", environment=locks.digest(locks.without_post_build(build.lock))) as bob:
        assert "ModuleNotFoundError" in await bob.run("try: import tides\nexcept ImportError as e: print(repr(e))")
    async with at_work(program, "bob", content=build.content) as bob:
        # who takes just the files has them as they are in git
        assert await bob.run("import os; print(os.path.exists('useful/notes.md'))") == "True"


async def test_another_commit_is_another_environment_and_the_same_one_is_made_once(
    portal: AgentClient, git: GitServer
) -> None:
    """It may read any file, so that every commit counts; the packages are those of before."""
    repository = git.repository("twice", {**SIX, "postBuild": "#!/bin/sh\ncp one.txt two.txt\n", "one.txt": "1"})
    first = await built(portal, repository.url)
    again = await built(portal, repository.url)
    repository.commit({"one.txt": "2"})
    second = await built(portal, repository.url)
    assert first.digest == again.digest != second.digest
    assert locks.without_post_build(first.lock) == locks.without_post_build(second.lock)
    files = [Realised.at(folder(build.digest)).files for build in (first, second)]
    assert [(path / "two.txt").read_text() for path in files if path] == ["1", "2"]


async def test_a_repository_that_names_no_packages_has_a_python_of_its_own(portal: AgentClient, git: GitServer) -> None:
    """With a kernel and nothing else."""
    build = await built(portal, git.repository("alone", {"postBuild": "python -c 'import ipykernel'\n"}).url)
    assert build.state is BuildState.READY, f"{build.message} {build.hint}"
    assert "ipykernel==" in build.lock


async def test_another_cluster_makes_it_anew_of_its_lock(portal: AgentClient, git: GitServer, tmp_path: Path) -> None:
    """It fetches the commit that the lock names."""
    repository = git.repository("elsewhere", {**SIX, "postBuild": "#!/bin/sh\necho here > made\n"})
    build = await built(portal, repository.url)
    with (
        FakeHub() as ocean,
        agent(tmp_path, {"ocean": ocean}, git_hosts=["127.0.0.1"], software=str(tmp_path / "software")) as other,
    ):
        client = other.client("portal-ocean")
        state = await client.put_environment(build.digest, build.lock)
        with anyio.fail_after(240):
            while state.state != "ready":
                assert state.state != "failed", state
                await anyio.sleep(0.1)
                state = await client.environment(build.digest)
        name = folder(build.digest).name
        made = Realised.at(tmp_path / "software/environments" / name)
        assert made.files is not None
        assert (made.files / "made").read_text() == "here\n"
        await client.close()


async def test_what_goes_wrong_is_said_with_its_last_words(portal: AgentClient, git: GitServer) -> None:
    """A status, and that there is no network; whoever passes over it reads it all the same."""
    said = await failed(portal, git, "#!/bin/sh\necho no tide today >&2\nexit 3\n")
    assert "postBuild ended with status 3" in said
    assert "no tide today" in said
    away = "python -c 'import urllib.request; urllib.request.urlopen(\"http://example.org\")'\n"
    assert "tried to reach the network, which it does not see" in await failed(portal, git, away)
    assert "there is no Python in it" in await failed(portal, git, "rm -rf $NB_PYTHON_PREFIX/bin\n")
    build = await built(portal, git.repository("passes", {**SIX, "postBuild": f"{away}exit 0\n"}).url)
    assert build.state is BuildState.READY
    assert "tried to reach the network" in build.message


HOSTILE = f"""#!/bin/bash
{{
  for path in $(dirname $NB_PYTHON_PREFIX)/* {PYTHON} /usr/bin/env; do
    [ $path = $NB_PYTHON_PREFIX ] || touch $path/x
  done
  echo evil >> $NB_PYTHON_PREFIX/lib/python3*/site-packages/six.py
  ls $(dirname $NB_PYTHON_PREFIX) $(dirname $NB_PYTHON_PREFIX)/../cache
  ln -s /etc/shadow $HOME/shadow; mkfifo $HOME/pipe; rm -rf .git; ln -s /etc .git
  mkdir -m 0 $HOME/closed; cat /proc/1/environ /proc/*/environ; env; id; ls /home /root
  (setsid sleep 1000 &) ; kill -9 -1 2>/dev/null
}} >out.txt 2>&1
"""


async def test_a_hostile_one_alters_no_other_environment(
    portal: AgentClient, program: AgentProgram, git: GitServer
) -> None:
    """It sees its own copy, and neither others, the cache, homes nor secrets; what it left is plain data."""
    clean = await built(portal, git.repository("clean", SIX).url)
    six = next(folder(clean.digest).glob("lib/*/site-packages/six.py"))
    before, inode = six.read_bytes(), six.stat()
    build = await built(portal, git.repository("hostile", {**SIX, "postBuild": HOSTILE}).url)
    # it killed all that it could, itself too or not
    if build.state is BuildState.READY:
        made = Realised.at(folder(build.digest))
        assert made.files is not None
        out = (made.files / "out.txt").read_text()
        assert "DEFAULT_INDEX" not in out and "SSL_CERT" not in out and "HUBFLEET" not in out
        assert not (made.files / "pipe").exists()
        assert (made.files / ".git/config").is_file()
        assert (made.files / "shadow").is_symlink()
        assert (made.files / "closed").stat().st_mode & 0o777 == 0o755
        assert (made.prefix / six.relative_to(folder(clean.digest))).read_bytes().endswith(b"evil\n")
        siblings = {path.name for path in folder(clean.digest).parent.iterdir()}
        assert len(siblings & set(out.split())) <= 2
    assert six.read_bytes() == before
    assert (six.stat().st_mtime_ns, six.stat().st_ino) == (inode.st_mtime_ns, inode.st_ino)
    assert not list(folder(clean.digest).parent.glob("*/x"))
