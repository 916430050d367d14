"""The kernel keeps a server to its limits, by whichever control groups can be had on this machine."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from grouped import joined
from hubfleet.agent.launchers import limiting
from hubfleet.agent.launchers.groups import Groups, Limits
from programs import wait_for

pytestmark = pytest.mark.integration
SERVER = "0c5f1a52-0000-5000-8000-000000000002"
LIMITS = Limits(memory_gib=0.0625, memory_guarantee_gib=0.03125, cpu=0.2, cpu_guarantee=0.1, processes=20)
START_MANY = """
started = 0
try:
    for started in range(100):
        if os.fork() == 0:
            time.sleep(1000)
except OSError as error:
    print(started, error.strerror, flush=True)
time.sleep(1000)
"""
BURN = """
before = time.process_time()
end = time.monotonic() + 2
while time.monotonic() < end:
    pass
print((time.process_time() - before) / 2)
"""


@pytest.fixture
def groups() -> Iterator[Groups]:
    """One server's group; all are gone afterwards."""
    made = limiting.choose(f"hubfleet-{os.urandom(4).hex()}")
    if set(made.folders) != {"memory", "cpu", "pids"}:
        pytest.skip("no control groups of its own can be made")
    made.make(SERVER, LIMITS)
    assert made.servers() == {SERVER}
    yield made
    assert made.remove(SERVER)
    assert made.servers() == set()
    made.close()


def test_who_uses_too_much_memory_dies_alone_and_it_is_counted(groups: Groups) -> None:
    """What else runs in the server goes on."""
    other = joined(groups, SERVER, "time.sleep(1000)")
    wait_for("it to join", lambda: other.pid in groups.processes(SERVER))
    assert groups.out_of_memory(SERVER) == 0
    greedy = joined(groups, SERVER, "held = [bytearray(2**20) for _ in range(200)]\ntime.sleep(1000)")
    assert greedy.wait(30) == -signal.SIGKILL
    assert other.poll() is None
    assert groups.out_of_memory(SERVER) == 1
    other.kill()
    other.wait()


def test_no_more_processes_start_than_are_allowed(groups: Groups, tmp_path: Path) -> None:
    """One of a scope's is taken by what keeps it; the agent's own stay out of it."""
    output = tmp_path / "output"
    child = joined(groups, SERVER, START_MANY, output=output)
    words = wait_for("the refusal", output.read_text)
    assert words == "19 Resource temporarily unavailable\n"
    assert groups.remove(SERVER)
    assert child.wait(10) == -signal.SIGKILL


def test_a_busy_server_gets_the_processors_that_it_may_use(groups: Groups, tmp_path: Path) -> None:
    """A fifth of one, though others are idle."""
    output = tmp_path / "output"
    assert joined(groups, SERVER, BURN, output=output).wait(60) == 0
    assert float(output.read_text()) < 0.4
