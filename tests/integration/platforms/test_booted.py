"""The tests that need systemd, run where a real one was booted for them: on a machine that has another init."""

import asyncio
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents import SOFTWARE
from booted import SYSTEM, Booted, booted
from hubfleet.agent.environments.realise import PASSED_ON, Builder
from hubfleet.agent.environments.software import Environments, packaged_base_lock
from hubfleet.agent.launchers import bubblewrap

HERE = Path(__file__).parent
pytestmark = [
    pytest.mark.integration,
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.xdist_group("machine"),
    pytest.mark.skipif(Path("/run/systemd/system").exists(), reason="systemd runs this machine: tests use that"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root boots a machine"),
    pytest.mark.skipif(not (SYSTEM / "made").exists(), reason="scripts/systemd_root.sh made no Debian"),
]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    """A machine that systemd runs, with servers' software ready, since it has no network."""
    asyncio.run(_software())
    with booted(tmp_path_factory.mktemp("booted")) as made:
        yield made


async def _software() -> None:
    folders = (SOFTWARE / "environments", SOFTWARE / "cache")
    reach = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    builder = Builder(*folders, Path(sys.executable), reach, uid=200_000, bwrap=bubblewrap.find())

    async def quiet(text: str) -> None:
        """Nobody listens."""

    await Environments(builder, base_lock=packaged_base_lock()).prefix("base", quiet)


def test_it_is_a_machine_of_its_own(system: Booted) -> None:
    """Nothing done in it reaches this machine: not its files, its settings, nor its units."""
    assert system.run("cat", "/proc/1/comm").stdout == "systemd\n"
    assert system.run("sh", "-c", "echo > /proc/sys/kernel/hostname").status != 0
    assert system.run("touch", str(HERE / "written")).status != 0
    assert system.run("touch", "/tmp/hubfleet-written", "/usr/hubfleet-written").status == 0
    assert not Path("/tmp/hubfleet-written").exists()
    assert not Path("/usr/hubfleet-written").exists()
    assert not Path("/run/systemd/system").exists()


@pytest.mark.parametrize("name", ["test_systemd.py", "test_scopes.py", "test_lasting.py"])
def test_all_holds_under_a_real_systemd(system: Booted, name: str) -> None:
    """All of a file's tests pass there, and none is skipped."""
    pytest_there = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    done = system.serve(*pytest_there, str(HERE / name), timeout_s=300)
    assert done.status == 0, done.stdout + done.stderr
    assert re.search(r"^\d+ passed in ", done.stdout, re.MULTILINE), done.stdout
