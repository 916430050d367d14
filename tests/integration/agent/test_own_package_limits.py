"""What the build of a repository's own package may use, and what its wheel may be, by the real sandbox."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from agents import wait_for
from environments import PYTHON
from hubfleet._kit import process
from hubfleet.agent.environments import locks
from hubfleet.agent.environments.confined import Limits, remove
from hubfleet.agent.environments.own_packages import OwnPackages
from hubfleet.agent.environments.realise import MARKER, Builder
from hubfleet.agent.environments.wheels import Wheel
from hubfleet.agent.environments.workshop import Workshop
from hubfleet.agent.launchers import bubblewrap
from hubfleet.errors import LaunchError

pytestmark = [pytest.mark.integration, pytest.mark.anyio]

UID = 64126
MIB = 1024**2
TOOLS = locks.canonical("")
OWN = locks.Own("https://example.org/x", "a" * 40)
PROJECT = '[build-system]\nrequires = []\nbuild-backend = "made"\nbackend-path = ["."]\n[project]\nname = "x"\n'
BACKEND = """\
import os, subprocess, zipfile

def build_wheel(folder, *_):
    exec(open("what.py").read(), globals() | {"folder": folder, "write": write})

def write(folder, name="x-1-py3-none-any.whl", metadata="Name: x\\nVersion: 1\\n", **more):
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("x-1.dist-info/METADATA", metadata)
        for path, text in more.items():
            wheel.writestr(path, text)
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def builder(tmp_path: Path) -> Iterator[Builder]:
    """The builder of this machine, with an environment that is a Python and nothing else."""
    workshop = Workshop(PYTHON, {}, uid=UID if os.geteuid() == 0 else None, bwrap=bubblewrap.find())
    builder = Builder(tmp_path / "software/environments", tmp_path / "software/cache", workshop)
    plain = builder.path(locks.digest(TOOLS))
    (plain / "bin").mkdir(parents=True)
    (plain / "bin/python").symlink_to(PYTHON)
    (plain / MARKER).write_text("")
    for path in (tmp_path, builder.folder.parent, builder.folder, plain, plain / "bin"):
        workshop.give(path)
    yield builder
    remove(tmp_path)


async def made(builder: Builder, code: str, limits: Limits) -> Wheel:
    """Build a package whose backend does this."""
    tree = builder.folder.parent.parent / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir()
    for name, text in (("pyproject.toml", PROJECT), ("made.py", BACKEND), ("what.py", code)):
        (tree / name).write_text(text)
    for path in (tree, *tree.iterdir()):
        builder.workshop.give(path)
    packages = OwnPackages(builder, limits)
    recipe = await packages.recipe(tree, OWN, "line 1 of requirements.txt")

    async def say(_: str) -> None:
        """Tell nobody."""

    return await packages.build(OWN, recipe, TOOLS, tree, say)


async def refused(builder: Builder, code: str, limits: Limits | None = None) -> str:
    """Build one that is ended or fails, and return what is said; nothing of it is left."""
    with pytest.raises(LaunchError) as error:
        await made(builder, code, limits or Limits())
    assert not list((builder.folder.parent / "own-packages").iterdir())
    assert not builder.wheels.exists()
    assert "pyproject.toml" in error.value.message
    assert error.value.hint
    return f"{error.value.message} {error.value.hint}"


def running(text: str) -> str:
    """Return the processes with a text in their arguments."""
    return process.run(["pgrep", "-f", text], check=False).stdout


async def test_one_that_hangs_is_ended_with_all_that_it_started(builder: Builder) -> None:
    """Also what has left its session."""
    number = f"{os.getpid()}.87"
    code = f"subprocess.Popen(['setsid', 'sleep', '1{number}'])\nsubprocess.run(['sleep', '1{number}'])\n"
    said = await refused(builder, code, Limits(time_s=2))
    assert "the build of pyproject.toml was ended: it took longer than 2 s" in said
    wait_for(lambda: not running(f"sleep 1{number}"), 10)


@pytest.mark.parametrize("place", [".", "/tmp", "/dev/shm", "/run/hubfleet/out"])
async def test_one_that_fills_the_disk_is_ended(builder: Builder, place: str) -> None:
    """Wherever it writes; memory is no way round."""
    code = f"while True: open('{place}/' + os.urandom(8).hex(), 'wb').write(bytes(20_000_000))\n"
    assert "it wrote more than 0.0977 GiB" in await refused(builder, code, Limits(disk_bytes=100 * MIB))


async def test_one_that_forks_without_end_or_takes_memory_stays_at_its_limit(builder: Builder) -> None:
    """The machine and the builder's other steps go on."""
    forks = "import time\nfor n in range(200):\n  if os.fork() == 0: time.sleep(30); os._exit(0)\n"
    said = await refused(builder, forks, Limits(processes=40, time_s=20))
    assert "Resource temporarily unavailable" in said
    assert "MemoryError" in await refused(builder, "x = bytearray(2 << 30)\n", Limits(memory_gib=1))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("pass", "left 0 wheels"),
        ("write(folder); write(folder, 'y-1-py3-none-any.whl')", "left 2 wheels"),
        ("write(folder, 'x -1.whl')", "of a plain name"),
        ("write(folder, 'y'); os.symlink('y', folder + '/x-1-py3-none-any.whl')", "the wheel cannot be read"),
        ("os.mkfifo(folder + '/x-1-py3-none-any.whl')", "the wheel cannot be read"),
        ("open(folder + '/x-1-py3-none-any.whl', 'w').write('no')", "the wheel cannot be read"),
        ("write(folder, **{'../../evil.pth': 'x'})", "files that lead out of it"),
        ("write(folder, **{'/etc/evil': 'x'})", "files that lead out of it"),
        ("write(folder, metadata='Name: x\\nVersion: 1\\nRequires-Dist: y @ file:///etc\\n')", "comes from an address"),
        ("write(folder, metadata='Name: x\\nVersion: 1\\nRequires-Dist: --index-url x\\n')", "is no requirement"),
        ("os.truncate(folder, 0) if 0 else open(folder + '/x-1-py3-none-any.whl', 'w').truncate(6 << 30)", "too large"),
        ("raise OSError(\"command 'gcc' failed: No such file or directory\")", "needs a compiler (gcc)"),
        ("raise OSError('x.c:1:1: fatal error: hdf5.h: No such file or directory')", "needs the file hdf5.h"),
    ],
)
async def test_what_it_leaves_has_to_be_one_plain_wheel(builder: Builder, code: str, words: str) -> None:
    """No link, no pipe, nothing that leads elsewhere; and what is missing on the machine is said by its name."""
    assert words in await refused(builder, code)


async def test_a_wheel_is_kept_and_one_that_is_stopped_leaves_nothing(builder: Builder) -> None:
    """What a killed agent left is removed by the next run; what is there is not built again."""
    number = f"{os.getpid()}.88"
    task = asyncio.create_task(made(builder, f"subprocess.run(['sleep', '1{number}'])", Limits()))
    with anyio.fail_after(60):
        while not running(f"sleep 1{number}"):
            await asyncio.wait([task], timeout=0.05)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    wait_for(lambda: not running(f"sleep 1{number}"), 10)
    working = builder.folder.parent / "own-packages"
    assert not list(working.iterdir())
    (working / "left").mkdir()
    (working / "left/lock").touch()
    (working / "left/out").mkdir()
    # a folder of its name that is not complete is none
    half = OwnPackages(builder)._place(OWN, TOOLS)
    half.mkdir(parents=True)
    (half / "x-1-py3-none-any.whl").write_text("half")
    wheel = await made(builder, "write(folder)", Limits())
    assert not list(working.iterdir())
    assert (wheel.name, wheel.version, wheel.path.stat().st_mode & 0o777) == ("x", "1", 0o644)
    assert wheel.path.stat().st_size > len("half")
    assert await made(builder, "raise OSError", Limits()) == wheel
