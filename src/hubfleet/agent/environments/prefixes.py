"""Making a conda prefix from a lock: conda's packages by rattler, PyPI's by uv, then all of it compiled.

uv asks the prefix's own Python what it is, and with it code of packages can run. So from there on the sandbox has the
unfinished prefix alone, whose files are shared with nothing: neither a cache nor another environment can be reached.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import uv

from hubfleet.agent.environments import compiling, locks
from hubfleet.agent.environments.conda import Conda
from hubfleet.agent.environments.workshop import Workshop

_LOCK = "/run/hubfleet/lock.txt"
_TIMEOUT_S = 1800.0


async def fill(
    conda: Conda,
    lock: str,
    prefix: Path,
    making: Path,
    *,
    index: Sequence[str],
    say: Callable[[str], Awaitable[None]],
) -> None:
    """Install and compile all packages of a lock.

    Args:
        conda: installs conda packages.
        lock: canonical text.
        prefix: where the environment will be; its files name it.
        making: folder to work in, with what uv is to install in `lock.txt`; the environment is its `prefix` afterwards.
        index: uv's options for package indexes.
        say: gets each step's name.

    Raises:
        LaunchError: a conda package cannot be had.
        CommandError: another step fails.
    """
    workshop = conda.workshop
    folder = await asyncio.to_thread(_folders, workshop, making)
    packages = locks.conda_packages(lock)
    await say(f"installing {len(packages)} conda packages")
    await conda.install(packages, prefix, folder)
    wanted = await asyncio.to_thread((making / "lock.txt").read_text)
    if wanted:
        await say("installing packages of PyPI")
        await _install(workshop, wanted, making, prefix, index=index)
    await say("compiling")
    version = next(package.version for package in packages if package.name == "python")
    library = prefix / "lib" / f"python{'.'.join(version.split('.')[:2])}"
    await compiling.compile_all(workshop, prefix / "bin" / "python", library, places={prefix: folder})


async def _install(workshop: Workshop, wanted: str, making: Path, prefix: Path, *, index: Sequence[str]) -> None:
    tool, home = Path(uv.find_uv_bin()), making / "home"
    await workshop.run(
        [
            *(str(tool), "pip", "install", "--quiet", "--no-config", "--no-progress", "--break-system-packages"),
            *("--python", str(prefix / "bin" / "python"), "--require-hashes", "--no-deps", "--only-binary", ":all:"),
            *(*index, "--requirements", _LOCK),
        ],
        environment={
            "HOME": str(home),
            "UV_CACHE_DIR": str(home / "cache"),
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_LINK_MODE": "copy",
        },
        reads=[tool, making / "wheels"],
        places={prefix: making / "prefix", home: home},
        texts={_LOCK: wanted},
        timeout_s=_TIMEOUT_S,
    )


def _folders(workshop: Workshop, making: Path) -> Path:
    folder, home = making / "prefix", making / "home"
    for path in (folder, home):
        path.mkdir()
        workshop.give(path)
    return folder
