"""What one `postBuild` may use, by the real sandbox on a small environment: time, disk, processes, memory."""

import asyncio
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from agents import wait_for
from environments import PYTHON
from hubfleet._kit import process
from hubfleet.agent.environments import locks
from hubfleet.agent.environments.confined import Limits, remove
from hubfleet.agent.environments.post_build import PostBuilds
from hubfleet.agent.environments.realise import MARKER, Builder
from hubfleet.agent.environments.realised import Realised
from hubfleet.agent.environments.workshop import Workshop
from hubfleet.agent.launchers import bubblewrap
from hubfleet.errors import LaunchError

pytestmark = [pytest.mark.integration, pytest.mark.anyio]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


UID = 64124
MIB = 1024**2
LOCK = locks.canonical(f"six==1.16.0 --hash=sha256:{'0' * 64}\n")


@pytest.fixture
def builder(tmp_path: Path) -> Iterator[Builder]:
    """The builder of this machine, with an environment that is a Python and nothing else."""
    workshop = Workshop(PYTHON, {}, uid=UID if os.geteuid() == 0 else None, bwrap=bubblewrap.find())
    builder = Builder(tmp_path / "software/environments", tmp_path / "software/cache", workshop)
    plain = builder.path(locks.digest(LOCK))
    (plain / "bin").mkdir(parents=True)
    (plain / "bin/python").symlink_to(PYTHON)
    (plain / MARKER).write_text("")
    for path in (tmp_path, builder.folder.parent, builder.folder, plain, plain / "bin"):
        workshop.give(path)
    yield builder
    remove(tmp_path)


async def ran(builder: Builder, script: str, limits: Limits) -> Realised:
    """Run a postBuild."""
    tree = builder.folder.parent.parent / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    (tree / ".git").mkdir(parents=True)
    (tree / "postBuild").write_text(script)
    tree.chmod(0o755)
    for path in (tree, *tree.rglob("*")):
        builder.workshop.give(path)
    wanted = locks.with_post_build(LOCK, locks.PostBuild("https://example.org/x", "a" * 40))

    async def say(_: str) -> None:
        """Tell nobody."""

    return Realised.at(await PostBuilds(builder, limits).make(locks.digest(wanted), wanted, tree, Path("/usr"), say))


async def refused(builder: Builder, script: str, limits: Limits) -> str:
    """Run one that is ended or fails, and return what is said; nothing of it is left."""
    with pytest.raises(LaunchError) as error:
        await ran(builder, script, limits)
    assert not list((builder.folder.parent / "post-builds").iterdir())
    assert len(list(builder.folder.iterdir())) == 1
    return f"{error.value.message} {error.value.hint}"


def running(text: str) -> str:
    """Return the processes with a text in their arguments."""
    return process.run(["pgrep", "-f", text], check=False).stdout


async def test_one_that_hangs_is_ended_with_all_that_it_started(builder: Builder) -> None:
    """Also what has left its session."""
    number = f"{os.getpid()}.77"
    said = await refused(builder, f"(setsid sleep 1{number} &)\nsleep 1{number}\n", Limits(time_s=1))
    assert "postBuild was ended: it took longer than 1 s" in said
    wait_for(lambda: not running(f"sleep 1{number}"), 10)


@pytest.mark.parametrize("place", [".", "$NB_PYTHON_PREFIX", "/tmp", "/var/tmp", "/dev/shm"])
async def test_one_that_fills_the_disk_is_ended(builder: Builder, place: str) -> None:
    """Wherever it writes; memory is no way round."""
    script = f"while true; do head -c 20000000 /dev/urandom > {place}/$RANDOM$RANDOM; done\n"
    said = await refused(builder, "#!/bin/bash\n" + script, Limits(disk_bytes=100 * MIB))
    assert "it wrote more than 0.0977 GiB" in said


async def test_one_that_would_leave_too_little_of_the_disk_is_ended(builder: Builder) -> None:
    """Others need it."""
    assert "the disk is nearly full" in await refused(builder, "sleep 60\n", Limits(spare_bytes=1 << 60))
    assert "memory is nearly full" in await refused(builder, "sleep 60\n", Limits(spare_memory_bytes=1 << 60))


async def test_one_that_forks_without_end_stays_at_its_limit(builder: Builder) -> None:
    """The machine and the builder's other steps go on."""
    count = "import os, sys, time\nfor n in range(200):\n  if os.fork() == 0: time.sleep(30); os._exit(0)\n"
    said = await refused(builder, f"#!{PYTHON}\n{count}", Limits(processes=40, time_s=20))
    assert "Resource temporarily unavailable" in said
    await refused(builder, "#!/bin/bash\nf() { f | f & }; f; sleep 100\n", Limits(processes=40, time_s=3))
    done = await builder.workshop.run(["/bin/echo", "alive"], environment={}, network=False, timeout_s=10)
    assert done.stdout == "alive\n"


async def test_one_that_takes_memory_is_refused_more(builder: Builder) -> None:
    """Each of its processes has an address space of so much."""
    script = f"{sys.executable if sys.executable.startswith('/usr/') else PYTHON} -c 'x = bytearray(2 << 30)'\n"
    assert "MemoryError" in await refused(builder, script, Limits(memory_gib=1))


async def test_what_it_left_has_to_be_data_within_bounds(builder: Builder) -> None:
    """Holes count as if they were full, and folders go only so deep."""
    sparse = "truncate -s 3G big; truncate -s 3G bigger\n"
    assert "more data or files" in await refused(builder, sparse, Limits(disk_bytes=100 * MIB))
    deep = f"#!{PYTHON}\nimport os\nfor n in range(3000): os.mkdir('d'); os.chdir('d')\n"
    assert "folders more than" in await refused(builder, deep, Limits())


async def test_one_that_is_stopped_leaves_nothing(builder: Builder) -> None:
    """And what a killed agent left is removed by the next run."""
    number = f"{os.getpid()}.78"
    task = asyncio.create_task(ran(builder, f"sleep 1{number}\n", Limits()))
    with anyio.fail_after(60):
        while not running(f"sleep 1{number}"):
            await asyncio.wait([task], timeout=0.05)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    wait_for(lambda: not running(f"sleep 1{number}"), 10)
    folder = builder.folder.parent / "post-builds"
    assert not list(folder.iterdir())
    deep = folder / "left" / "/".join(["d"] * 1500)
    process.run(["/bin/mkdir", "-p", str(deep)])
    (folder / "left/lock").touch()
    made = await ran(builder, "touch made\n", Limits())
    assert made.files is not None
    assert (made.files / "made").exists()
    assert not list(folder.iterdir())
