"""Debian packages within limits: what takes too much, is cut off, does not fit, or is installed by an ordinary user."""

import asyncio
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agents import FakeHub, agent, processes_with, wait_for
from debian_archive import NEEDS_GPG, Archive, archive
from environments import PYTHON
from git_servers import git_server
from hubfleet._kit import process
from hubfleet.agent.environments import apt_file, locks
from hubfleet.agent.environments.confined import Limits, remove
from hubfleet.agent.environments.layers import Layers
from hubfleet.agent.environments.realise import Builder
from hubfleet.agent.environments.workshop import Workshop
from hubfleet.agent.launchers import bubblewrap
from hubfleet.errors import BuildError, LaunchError
from hubfleet.model.debian import DebianMirror
from hubfleet.protocol.builds import BuildRequest
from machines import ROOT
from programs import OTHERS_REACH_US

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.anyio, NEEDS_GPG]

UID = 64125
MIB = 1024**2
BY_AN_ORDINARY_USER = """
import asyncio, json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from hubfleet.agent.environments import apt_file
from hubfleet.agent.environments.realise import Builder
from hubfleet.agent.environments.workshop import Workshop
from hubfleet.agent.launchers import bubblewrap
from hubfleet.model.debian import DebianMirror

async def say(text): pass

async def main():
    folder = Path(sys.argv[1])
    workshop = Workshop(Path("/usr/bin/python3"), {}, bwrap=bubblewrap.find())
    mirrors = [DebianMirror.model_validate(json.loads(sys.argv[3]))]
    builder = Builder(folder / "environments", folder / "cache", workshop, debian=mirrors)
    lines = await builder.layers.choose(folder / "kept", apt_file.parse("tides", "apt.txt"))
    await builder.layers.make(lines, say)
    done = await builder.with_layer(lines).run(["tides"], environment={}, network=False, timeout_s=60)
    print(done.stdout, builder.layers.note(lines))

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with archive(Path(tempfile.mkdtemp(prefix="hubfleet-deb-"))) as made:
        made.package("tides", {"/usr/bin/tides": "#!/bin/sh\necho high\n"}, postinst="test $(id -u) = 0")
        yield made
    shutil.rmtree(made.folder)


@pytest.fixture
def layers(tmp_path: Path, debian: Archive) -> Iterator[Layers]:
    """The layers of this machine's builder."""
    workshop = Workshop(PYTHON, {}, uid=UID if os.geteuid() == 0 else None, bwrap=bubblewrap.find())
    mirrors = [DebianMirror.model_validate(debian.mirror)]
    software = tmp_path / "software"
    builder = Builder(software / "environments", software / "cache", workshop, debian=mirrors)
    (tmp_path / "software/cache").mkdir(parents=True)
    workshop.give(tmp_path / "software/cache")
    yield builder.layers
    remove(tmp_path)


async def say(_: str) -> None:
    """Tell nobody."""


async def made(layers: Layers, name: str) -> str:
    """Choose and install a package."""
    lines = await layers.choose(layers.folder.parent / "kept", apt_file.parse(name, "apt.txt"))
    await layers.make(lines, say)
    return lines


async def refused(layers: Layers, name: str) -> str:
    """Install one that is ended, and return what is said; nothing of it is left."""
    with pytest.raises(LaunchError) as error:
        await made(layers, name)
    assert not list((layers.folder.parent / "layering").iterdir())
    assert not layers.folder.exists() or not list(layers.folder.iterdir())
    return f"{error.value.message} {error.value.hint}"


async def test_a_script_that_takes_too_much_is_ended(layers: Layers, debian: Archive) -> None:
    """Disk, and time; all that it started ends with it."""
    mark = f"{uuid.uuid4().int % 10**6 + 10**6}"
    debian.package("whale", postinst="head -c 300M /dev/zero > /var/lib/whale; sleep 600")
    debian.package("snail", postinst=f"sleep {mark} & sleep {mark}")
    small = replace(layers, limits=Limits(disk_bytes=64 * MIB, spare_bytes=0))
    assert "it wrote more than 0.0625 GiB" in await refused(small, "whale")
    assert "was ended" in await refused(replace(layers, limits=Limits(time_s=10)), "snail")
    assert processes_with(f"sleep\0{mark}") == []


async def test_a_lock_of_another_system_is_refused(layers: Layers) -> None:
    """Another release, and what this system was said to have."""
    right = await made(layers, "tides")
    assert layers.use(right) is not None
    other = right.replace(locks.debian_release(right), "debian-potato-amd64")
    with pytest.raises(LaunchError, match="of debian-potato-amd64, and this cluster's system is"):
        await layers.make(other, say)
    lacking = locks.canonical(f"{right}apt-system:no-such-thing\n")
    with pytest.raises(LaunchError, match="it takes no-such-thing from the system"):
        await layers.make(lacking, say)
    assert not layers.ready(other)
    assert not layers.ready(lacking)


async def test_a_lock_that_lacks_what_this_system_lacks_is_refused(layers: Layers, debian: Archive) -> None:
    """It was made where a part of it was there already."""
    debian.package("sea", Depends="tides")
    whole = await layers.choose(layers.folder.parent / "kept", apt_file.parse("sea", "apt.txt"))
    part = "".join(f"{line}\n" for line in whole.splitlines() if not line.startswith("apt:tides"))
    with pytest.raises(LaunchError, match="need tides, which this cluster's system lacks"):
        await layers.make(locks.canonical(part), say)


async def test_where_nothing_can_lie_over_the_system_it_is_said_at_once(
    layers: Layers, debian: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before any archive is asked: no sandbox at all, and a kernel that makes no overlays."""
    asked = len(debian.asked)
    wanted, kept = apt_file.parse("tides", "apt.txt"), layers.folder.parent / "kept"
    alone = replace(layers, workshop=replace(layers.workshop, bwrap=None))
    with pytest.raises(BuildError, match="it has no sandbox for their scripts"):
        await alone.choose(kept, wanted)
    old = tmp_path / "bwrap"
    old.write_text('#!/bin/sh\n[ "$1" = --help ] && echo --overlay-src && exit\necho no overlay here >&2; exit 1\n')
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(BuildError, match=r"its kernel lets nothing lie over the system \(no overlay here"):
        await layers.choose(kept, wanted)
    assert len(debian.asked) == asked


async def test_an_agent_that_is_killed_leaves_no_half_layer(tmp_path: Path, debian: Archive) -> None:
    """What it did goes with the next one, and nothing of it runs on."""
    mark = f"{uuid.uuid4().int % 10**6 + 10**6}"
    debian.package("eel", postinst=f"sleep {mark}")
    software = tmp_path / "software"
    with (
        git_server(tmp_path / "git") as git,
        FakeHub() as hub,
        agent(
            tmp_path, {"ocean": hub}, git_hosts=["127.0.0.1"], debian=[debian.mirror], software=str(software)
        ) as program,
    ):
        repository = git.repository("eels", {"apt.txt": "eel"})
        client = program.client("portal-ocean")
        request = BuildRequest(hub="ocean", repository=repository.url)
        await client.start_build(str(uuid.uuid4()), request)
        await asyncio.to_thread(wait_for, lambda: bool(processes_with(f"sleep\0{mark}")), 120, lambda: program.log)
        assert list((software / "layering").iterdir())
        program.kill()
        await asyncio.to_thread(wait_for, lambda: not processes_with(f"sleep\0{mark}"), 30)
        assert not (software / "layers").exists()
        debian.package("eel", version="2.0")
        program.start()
        build = str(uuid.uuid4())
        await client.start_build(build, request)
        await asyncio.to_thread(wait_for, lambda: any((software / "layers").glob("*/facts.json")), 120)
        await asyncio.to_thread(wait_for, lambda: not list((software / "layering").iterdir()), 30)
        await client.close()


@pytest.mark.skipif(not OTHERS_REACH_US, reason="an ordinary user cannot reach the project here")
async def test_an_ordinary_user_installs_them_too(debian: Archive) -> None:
    """By a user namespace of its own, in which its scripts count as root."""
    folder = Path(tempfile.mkdtemp(prefix="hubfleet-test-"))
    debian.publish()
    try:
        drop = []
        if os.geteuid() == 0:
            os.chown(folder, UID, UID)
            drop = ["setpriv", "--reuid", str(UID), "--regid", str(UID), "--clear-groups"]
        told = DebianMirror.model_validate(debian.mirror).model_dump_json()
        command = [*drop, sys.executable, "-B", "-c", BY_AN_ORDINARY_USER, str(folder), str(ROOT / "src"), told]
        done = await process.run_async(command, env={**os.environ, "HOME": str(folder)}, timeout_s=240)
        assert done.stdout.split() == ["high"]
    finally:
        remove(folder)
