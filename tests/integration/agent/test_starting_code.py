"""What a package of PyPI would run at each start of Python does not run while it is installed."""

import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from conda_channels import served
from environments import PYTHON
from hubfleet.agent import parts
from hubfleet.agent.environments import locks
from hubfleet.agent.environments.realise import Builder
from hubfleet.agent.environments.workshop import Workshop
from hubfleet.agent.launchers import bubblewrap

pytestmark = [pytest.mark.integration, pytest.mark.anyio]


async def test_starting_code_does_not_run(tmp_path: Path) -> None:
    """Neither by uv nor to compile: it could write to the cache that all environments are made from."""
    wheel = tmp_path / "simple" / "starting" / "starting-1.0-py3-none-any.whl"
    wheel.parent.mkdir(parents=True)
    cache, environments = tmp_path / "software" / "cache", tmp_path / "software" / "environments"
    marks = [cache / "it-ran", environments / "it-ran"]
    code = "import sys; " + "; ".join(f"open({str(path)!r}, 'w')" for path in marks) + "\n"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("starting.pth", code)
        archive.writestr("starting.py", "x = 1\n")
        archive.writestr("starting-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: starting\nVersion: 1.0\n")
        archive.writestr(
            "starting-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("starting-1.0.dist-info/RECORD", "starting.pth,,\nstarting.py,,\n")
    lock = locks.canonical(f"starting==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")

    async def say(_: str) -> None:
        """Tell nobody."""

    with served(tmp_path) as address:
        uid = 64123 if os.geteuid() == 0 else None
        workshop = Workshop(PYTHON, parts.to_the_index(), uid=uid, bwrap=bubblewrap.find())
        builder = Builder(environments, cache, workshop, indexes=[f"{address}/simple"])
        made = await builder.make(locks.digest(lock), lock, say)
    assert list(made.glob("lib/*/site-packages/__pycache__/starting.*.pyc"))
    assert not [path for path in marks if path.exists()]
