"""apt.txt by a real agent, with packages of a small signed archive: where they are seen, and what they cannot do."""

import asyncio
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from agents import SOFTWARE, AgentProgram, FakeHub, agent
from building import built
from debian_archive import NEEDS_GPG, Archive, archive
from environments import PYTHON, folder
from git_servers import GitServer
from hubfleet.agent.environments import locks
from hubfleet.agent.environments.confined import remove
from hubfleet.agent.environments.realise import Builder
from hubfleet.agent.environments.workshop import Workshop
from hubfleet.protocol.builds import Build, BuildState
from hubfleet.protocol.client import AgentClient
from working import at_work

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.anyio, NEEDS_GPG]

SIX = {"requirements.txt": "six\n"}
RUN = uuid.uuid4().hex[:8]
"""In each package, so that no layer of an earlier run counts."""
POSTINST = f"""set -e
echo {RUN} > /etc/tides.conf
mkdir -p /var/lib/tides && echo high > /var/lib/tides/level
update-alternatives --install /usr/bin/sea sea /usr/lib/tides/sea 10
addgroup --system tides
chown root:tides /usr/bin/tides
chmod 4755 /usr/bin/tides
ln -s /root /etc/escape
"""
HOSTILE = """
for folder in {environments} {software} /usr/lib/python3 /etc; do
  for path in $(find $folder -maxdepth 1 2>/dev/null | head -50); do echo bad >> $path/zz-hostile 2>/dev/null; done
done
echo bad > {software}/zz-hostile
mknod /usr/bin/zz-device c 1 1
ln -s ../../../../../../../../etc/shadow /usr/lib/zz-shadow
python3 -c 'import urllib.request as r; r.urlopen("http://127.0.0.1:{port}/hostile-was-here")'
exit 1
"""


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with archive(tmp_path_factory.mktemp("deb")) as made:
        level = f"#!/bin/sh\necho level of {RUN}: $(cat /var/lib/tides/level) by $(cat /etc/tides.conf)\n"
        files = {"/usr/bin/tides": level, "/usr/lib/tides/sea": "#!/bin/sh\necho sea\n"}
        files |= {"/usr/share/man/man1/tides.1": "manual"}
        made.package("libtides", {"/usr/include/tides.h": f'#define LEVEL "{RUN}"\n'})
        made.package("tides", files, postinst=POSTINST, Depends="libtides (>= 1.0)")
        made.package("whales", Depends="tides (>= 9)")
        before = set((SOFTWARE / "layers").glob("*"))
        yield made
        for path in set((SOFTWARE / "layers").glob("*")) - before:
            remove(path)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, debian: Archive) -> Iterator[AgentProgram]:
    home = tmp_path_factory.mktemp("agent")
    with FakeHub() as ocean, agent(home, {"ocean": ocean}, git_hosts=["127.0.0.1"], debian=[debian.mirror]) as running:
        yield running


async def ready(client: AgentClient, repository: str) -> Build:
    build = await built(client, repository)
    assert build.state is BuildState.READY, f"{build.message} {build.hint}"
    return build


async def failed(client: AgentClient, git: GitServer, text: str, **files: str) -> str:
    repository = git.repository(f"bad-{uuid.uuid4().hex[:8]}", {**SIX, "apt.txt": text, **files})
    build = await built(client, repository.url)
    assert build.state is BuildState.FAILED, build
    return f"{build.message} {build.hint}"


def layer(build: Build) -> Path:
    builder = Builder(SOFTWARE / "environments", SOFTWARE / "cache", Workshop(PYTHON, {}))
    found = builder.layers.use(locks.debian(build.lock))
    assert found is not None
    return found


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_packages_lie_over_the_system_for_their_environment_alone(
    portal: AgentClient, program: AgentProgram, git: GitServer, debian: Archive
) -> None:
    """With what their scripts made; without other accounts' rights, links that lead out, and manuals."""
    repository = git.repository("apt", {**SIX, "apt.txt": "tides  # of the sea\n\n", "a.ipynb": "{}"})
    build = await ready(portal, repository.url)
    assert build.files == ["requirements.txt", "apt.txt"]
    release, first, second, *_ = build.lock.splitlines()
    assert release.startswith("apt-release:")
    assert first.startswith("apt:libtides=1.0:all --hash=sha256:")
    assert second.startswith("apt:tides=1.0:all --hash=sha256:")
    async with at_work(program, "ann", environment=build.digest) as ann:
        assert await ann.run("!tides; sea") == f"level of {RUN}: high by {RUN}\r\nsea"
        assert await ann.run("import os; print(oct(os.stat('/usr/bin/tides').st_mode))") == "0o100755"
        assert await ann.run("import six, ssl, sys; print(sys.prefix != sys.base_prefix)") == "True"
        assert await ann.run("!ls /etc/escape /usr/share/man/man1/tides.1 2>&1 | grep -c 'No such file'") == "2"
        assert "Read-only" in await ann.run("!touch /usr/bin/more")
    async with at_work(program, "bob") as bob:
        assert "not found" in await bob.run("!tides")
    assert not names(Path("/usr/bin")) & {"tides", "sea"}
    assert not list(layer(build).glob("etc/escape"))
    asked = len(debian.asked)
    repository.commit({"a.ipynb": "{ }"})
    again = await ready(portal, repository.url)
    assert (again.digest, len(debian.asked)) == (build.digest, asked)


async def test_own_packages_and_post_build_see_them(portal: AgentClient, git: GitServer) -> None:
    """A header for what is compiled, a program for what is prepared; and no list of packages is needed."""
    setup = (
        "from setuptools import setup\n"
        "import re\nlevel = re.findall('\"(.*)\"', open('/usr/include/tides.h').read())[0]\n"
        "setup(name='waves', version='1', py_modules=['waves'], description=level)\n"
    )
    files = {"apt.txt": "tides", "setup.py": setup, "waves.py": "", "postBuild": "#!/bin/sh\ntides > level.txt\n"}
    build = await ready(portal, git.repository("both", files).url)
    made = folder(build.digest)
    assert (made / "files/level.txt").read_text().startswith(f"level of {RUN}: high")
    assert f"Summary: {RUN}" in next(made.glob("prefix/lib/*/site-packages/waves-1.dist-info/METADATA")).read_text()
    alone = await ready(portal, git.repository("alone-apt", {"apt.txt": "libtides"}).url)
    assert "ipykernel==" in alone.lock


async def test_what_cannot_be_had_is_said_with_its_line(portal: AgentClient, git: GitServer, debian: Archive) -> None:
    """By apt's own explanation, if it has one."""
    assert "line 2 of apt.txt: there is no Debian package 'sharks'" in await failed(portal, git, "tides\nsharks\n")
    said = await failed(portal, git, "# all\ntides\nwhales\n")
    assert "line 3 of apt.txt: apt cannot install these packages together" in said
    assert "whales : Depends: tides (>= 9)" in said
    assert "line 1 of apt.txt: options of apt cannot be given: '-o'" in await failed(portal, git, "-o Dir=/x tides\n")
    assert "line 1 of apt.txt" in await failed(portal, git, "tides=7\n")
    assert "there is no Debian package 'tid.s'" in await failed(portal, git, "tid.s\n")


async def test_the_systems_own_packages_are_not_fetched(portal: AgentClient, git: GitServer) -> None:
    """They stand in the lock, since another cluster may lack them."""
    build = await ready(portal, git.repository("has", {**SIX, "apt.txt": "dpkg libtides"}).url)
    assert "apt-system:dpkg" in build.lock.splitlines()
    assert len(locks.debian_packages(build.lock)) == 1


async def test_a_hostile_script_reaches_nothing_but_its_own_layer(
    portal: AgentClient, program: AgentProgram, git: GitServer, debian: Archive
) -> None:
    """Its own files may be odd; nobody else's are, and nothing of it is a device or leads out."""
    other = await ready(portal, git.repository("victim", SIX).url)
    before = sorted(str(path) for path in folder(other.digest).rglob("*"))
    script = HOSTILE.format(environments=SOFTWARE / "environments", software=SOFTWARE, port=debian.port)
    debian.package("hostile", {"/usr/bin/hostile": f"#!/bin/sh\necho {RUN}\n"}, postinst=script)
    build = await ready(portal, git.repository("hostile-apt", {**SIX, "apt.txt": "hostile"}).url)
    assert "hostile could not be set up whole" in build.message
    assert sorted(str(path) for path in folder(other.digest).rglob("*")) == before
    assert "zz-hostile" not in names(Path("/usr/lib/python3")) | names(Path("/etc")) | names(SOFTWARE)
    assert "/hostile-was-here" not in debian.asked
    found = list(layer(build).rglob("zz-*"))
    assert not [path for path in found if path.name in {"zz-device", "zz-shadow"}], found
    assert all(os.lstat(path).st_mode & 0o7000 == 0 for path in layer(build).rglob("*"))


async def test_a_script_that_ends_its_own_installation_leaves_nothing(
    portal: AgentClient, git: GitServer, debian: Archive
) -> None:
    """Half a package is none."""
    debian.package("sting", {"/usr/bin/sting": f"#!/bin/sh\necho {RUN}\n"}, postinst="kill -9 -1")
    assert "Debian's sting cannot be installed" in await failed(portal, git, "sting\n")
    assert not list((SOFTWARE / "layers").rglob("sting"))


async def test_an_archive_that_is_not_what_was_signed_is_refused(
    portal: AgentClient, git: GitServer, debian: Archive
) -> None:
    """An index that was changed, and a package that was."""
    debian.package("corals", {"/usr/bin/corals": f"#!/bin/sh\necho {RUN}\n"})
    file = debian.folder / "corals_1.0_all.deb"
    right = file.read_bytes()
    file.write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
    assert "cannot be fetched" in await failed(portal, git, "corals\n")
    file.write_bytes(right)
    stanza = debian.stanzas["libtides"]
    debian.stanzas["pearls"] = stanza.replace("libtides", "pearls", 1)
    debian.publish(sign=False)
    said = await failed(portal, git, "pearls\n")
    del debian.stanzas["pearls"]
    debian.publish()
    assert "there is no Debian package 'pearls'" in said
    assert "the archives did not answer" in said


async def test_a_version_that_archives_have_dropped_is_chosen_anew(
    portal: AgentClient, git: GitServer, debian: Archive, tmp_path: Path
) -> None:
    """A lock that cannot be made any more is said to be; building again gives the newer one."""
    debian.package("shells", {"/usr/bin/shells": f"#!/bin/sh\necho 1 {RUN}\n"})
    repository = git.repository("drops", {**SIX, "apt.txt": "shells"})
    first = await ready(portal, repository.url)
    debian.package("shells", {"/usr/bin/shells": f"#!/bin/sh\necho 2 {RUN}\n"}, version="2.0")
    assert (await ready(portal, repository.url)).digest == first.digest
    with (
        FakeHub() as ocean,
        agent(tmp_path, {"ocean": ocean}, software=str(tmp_path / "software"), debian=[debian.mirror]) as other,
    ):
        client = other.client("portal-ocean")
        state = await client.put_environment(first.digest, first.lock)
        with anyio.fail_after(120):
            while state.state != "failed":
                assert state.state != "ready", state
                await anyio.sleep(0.1)
                state = await client.environment(first.digest)
        assert "cannot be fetched" in state.detail
        assert "build the repository again" in state.hint
        await client.close()
    await asyncio.to_thread(remove, layer(first))
    second = await ready(portal, repository.url)
    assert "apt:shells=2.0:all" in second.lock
