"""Real scopes, on a machine that systemd itself started."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from grouped import joined
from hubfleet._kit import process
from hubfleet.agent.launchers import limiting
from hubfleet.agent.launchers.groups import Limits
from hubfleet.agent.launchers.scopes import Scopes, slice_name
from programs import wait_for

pytestmark = [
    pytest.mark.integration,
    pytest.mark.root,
    pytest.mark.skipif(not Path("/run/systemd/system").exists(), reason="systemd does not run this machine"),
    pytest.mark.skipif(os.geteuid() != 0, reason="scopes need root"),
]
SERVER = "0c5f1a52-0000-5000-8000-000000000001"
LIMITS = Limits(memory_gib=0.0625, memory_guarantee_gib=0.03125, cpu=0.5, cpu_guarantee=0.25, processes=20)


@pytest.fixture
def scopes() -> Iterator[Scopes]:
    """An agent's scopes; none is left afterwards, nor their slice."""
    made = limiting.choose(f"hubfleet-{os.urandom(4).hex()}")
    assert isinstance(made, Scopes)
    yield made
    assert made.remove(SERVER)
    made.close()
    assert shown(slice_name(made.label), "ActiveState") == "inactive"


def shown(unit: str, name: str) -> str:
    """Return a property as systemd has it."""
    return process.run(["systemctl", "show", "--value", f"--property={name}", unit]).stdout.strip()


def test_systemd_has_the_limits_and_the_kernel_too(scopes: Scopes) -> None:
    """Memory, processors and processes."""
    scopes.make(SERVER, LIMITS)
    unit = f"{scopes.label}-{SERVER}.scope"
    assert shown(unit, "MemoryMax") == str(64 * 1024**2)
    assert shown(unit, "CPUQuotaPerSecUSec") == "500ms"
    assert shown(unit, "Delegate") == "yes"
    assert set(scopes.folders) == {"memory", "cpu", "pids"}
    limit = {1: "memory.limit_in_bytes", 2: "memory.max"}[scopes.version]
    assert (scopes.folders["memory"] / unit / limit).read_text().strip() == str(64 * 1024**2)
    assert (scopes.folders["pids"] / unit / "pids.max").read_text().strip() == "21"


def test_what_systemd_loads_again_keeps_its_limits(scopes: Scopes) -> None:
    """A reload of all units, as each apply makes one, takes nothing away from a server and moves it nowhere."""
    scopes.make(SERVER, LIMITS)
    child = joined(scopes, SERVER, "time.sleep(1000)")
    wait_for("it to join", lambda: child.pid in scopes.processes(SERVER))
    process.run(["systemctl", "daemon-reload"])
    limit = {1: "memory.limit_in_bytes", 2: "memory.max"}[scopes.version]
    group = scopes.folders["memory"] / f"{scopes.label}-{SERVER}.scope"
    assert (group / limit).read_text().strip() == str(64 * 1024**2)
    assert str(child.pid) in (group / "cgroup.procs").read_text().split()
    child.kill()
    child.wait()


def test_who_uses_too_much_memory_dies_alone_and_it_is_counted(scopes: Scopes) -> None:
    """Also after the last process of the server is gone: the scope and the kernel's count stay until removed."""
    scopes.make(SERVER, LIMITS)
    other = joined(scopes, SERVER, "time.sleep(1000)")
    wait_for("it to join", lambda: other.pid in scopes.processes(SERVER))
    greedy = joined(scopes, SERVER, "held = [bytearray(2**20) for _ in range(200)]\ntime.sleep(1000)")
    assert greedy.wait(30) == -signal.SIGKILL
    assert other.poll() is None
    other.kill()
    other.wait()
    assert scopes.out_of_memory(SERVER) == 1
    assert scopes.servers() == {SERVER}


def test_a_removed_scope_takes_all_with_it(scopes: Scopes) -> None:
    """Also what ignores SIGTERM; systemd knows the unit no more."""
    scopes.make(SERVER, LIMITS)
    child = joined(scopes, SERVER, "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(1000)")
    wait_for("it to join", lambda: child.pid in scopes.processes(SERVER))
    assert scopes.remove(SERVER)
    assert child.wait(10) == -signal.SIGKILL
    assert scopes.servers() == set()
    assert shown(f"{scopes.label}-{SERVER}.scope", "LoadState") == "not-found"


def test_limits_can_be_set_again(scopes: Scopes) -> None:
    """A start that goes on after a crash finds the scope that was made."""
    scopes.make(SERVER, LIMITS)
    scopes.make(SERVER, Limits(memory_gib=0.125, memory_guarantee_gib=0, cpu=1, cpu_guarantee=0, processes=20))
    assert shown(f"{scopes.label}-{SERVER}.scope", "MemoryMax") == str(128 * 1024**2)
