"""What the builder's tools see and may do, by a real sandbox."""

import os
import sys
from pathlib import Path

import pytest

from hubfleet._kit import process
from hubfleet.agent.environments.workshop import Workshop
from hubfleet.agent.launchers import bubblewrap
from hubfleet.errors import CommandError
from machines import ROOT

pytestmark = [pytest.mark.integration, pytest.mark.anyio]

UID = 200_000


@pytest.fixture
def workshop() -> Workshop:
    """The builder of this machine."""
    return Workshop(Path("/usr/bin/python3"), {}, uid=UID if os.geteuid() == 0 else None, bwrap=bubblewrap.find())


async def said(workshop: Workshop, script: str, **more: object) -> str:
    """Run a line of shell."""
    done = await workshop.run(["/bin/sh", "-c", script], environment={}, timeout_s=20, **more)  # type: ignore[arg-type]
    return done.stdout.strip()


async def test_a_tool_sees_what_its_step_names(workshop: Workshop, tmp_path: Path) -> None:
    """Neither homes nor this project nor accounts; a folder that is named it may write, and its texts it may read."""
    own = tmp_path / "own"
    own.mkdir()
    workshop.give(own)
    script = f"ls {ROOT} {Path.home()}/.profile /etc/shadow /run 2>/dev/null; cat /run/hubfleet/x; echo y > {own}/y"
    assert await said(workshop, script, writes=[own], texts={"/run/hubfleet/x": "told"}) == "/run:\nhubfleet\ntold"
    assert (own / "y").read_text() == "y\n"


async def test_a_tool_without_network_reaches_nothing(workshop: Workshop) -> None:
    """Not even what listens on the machine's own loopback."""
    names = "cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d ' '"
    assert await said(workshop, names, network=False) == "lo"


async def test_a_tool_makes_no_endless_file_and_no_endless_processes(workshop: Workshop) -> None:
    """The limits hold for everything that it starts."""
    assert await said(workshop, "ulimit -f; ulimit -v") == "16777216\n16777216"
    if os.geteuid() == 0:
        assert await said(workshop, "ulimit -p; id -u; grep CapEff /proc/self/status") == (
            f"1024\n{UID}\nCapEff:\t0000000000000000"
        )


async def test_a_tool_stands_back_for_people_at_work(workshop: Workshop) -> None:
    """Whoever starts a server or runs a cell meanwhile has the processors first."""
    assert int(await said(workshop, "nice")) == min(19, os.nice(0) + 15)


async def test_a_tool_that_takes_too_long_is_ended_with_all_that_it_started(workshop: Workshop) -> None:
    """Nothing of it is left in the process table."""
    number = f"{os.getpid()}.{id(workshop) % 1000}"
    with pytest.raises(CommandError, match="took longer"):
        await workshop.run(["/bin/sh", "-c", f"sleep 1{number} & sleep 2{number}"], environment={}, timeout_s=0.5)
    for _ in range(200):
        left = process.run(["pgrep", "-f", f"sleep [12]{number}"], check=False).stdout.split()
        if not left:
            return
    raise AssertionError(left)


async def test_a_tool_that_talks_without_end_is_ended() -> None:
    """Its output fills no memory."""
    with pytest.raises(CommandError, match="said more than"):
        await Workshop(Path(sys.executable), {}).run(["yes"], environment={}, timeout_s=60)
