"""A full disk under a fleet: apply says so, nothing is lost, and the next apply goes on where there is room."""

import os
import signal
from collections.abc import Iterator

import pytest

from agents import SOFTWARE
from disks import fill, small_disk
from machines import CLUSTER, Machine, machine
from programs import wait_for

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.xdist_group("machine"),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small disk"),
]
HUB = "sign_in: {with: shared-password}\nallow: {everyone: true}\n"


@pytest.fixture
def fleet() -> Iterator[Machine]:
    """One hub with all state on a small disk; not yet applied."""
    with machine({"hubs/ocean.yaml": HUB}) as made, small_disk(made.data, 250):
        software = made.data / "agents" / CLUSTER / "software"
        software.parent.mkdir(parents=True)
        software.symlink_to(SOFTWARE)
        try:
            yield made
        finally:
            made.run("down", check=False)


def test_a_full_disk_is_named_and_after_room_is_made_all_goes_on(fleet: Machine) -> None:
    """Before the first apply, and before a change: the error names the disk, what ran runs on, then it works."""
    ballast = fill(fleet.data, leave=0)
    refused = fleet.run("apply", "--yes", check=False)
    assert (refused.status, "the disk is full" in refused.stderr) == (1, True), refused.stderr
    assert "free some space" in refused.stderr
    ballast.unlink()
    fleet.run("apply", "--yes", timeout_s=400)

    before = fleet.pid("hub-ocean")
    fleet.write({"hubs/ocean.yaml": HUB + "culling: {idle_minutes: 33}\n"})
    ballast = fill(fleet.data, leave=0)
    refused = fleet.run("apply", "--yes", check=False)
    assert (refused.status, "Traceback" in refused.stderr) == (1, False), refused.stderr
    assert "error: the disk is full" in refused.stderr
    assert fleet.get("ocean.localhost", "/hub/login").status == 200
    assert fleet.pid("hub-ocean") == before
    os.kill(before, signal.SIGKILL)
    ballast.unlink()
    wait_for("another hub", lambda: fleet.pid("hub-ocean") != before, timeout_s=60)
    fleet.run("apply", "--yes", timeout_s=400)
    assert "nothing to do" in fleet.run("plan").stdout
