"""Memory as PSS (what is shared counts once): of idle servers, of one more hub, of what a machine has once."""

import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from benchmarks import ours, stock
from benchmarks.figure import Figure
from programs import wait_for

SERVERS = 5
QUIET_S = 2.0
_ONCE = ("agent-here", "routes", "proxy")


def measure() -> list[Figure]:
    """Measure one side after the other, so that neither shares pages with the other one's servers."""
    people = [f"idle-{number}" for number in range(SERVERS)]
    with ours.real() as mine:
        mine.hub.start_all(mine.hub.add(people), at_once=2)
        server = _mib(_idle(mine.servers())) / SERVERS
        hub, culler = _mib([mine.pid("hub-bench")]), _mib([mine.pid("culler-bench")])
        once = sum(_mib(_tree(mine.pid(name))) for name in _ONCE)
        once += _mib([int((mine.fleet.data / "supervisor.lock").read_text())])
        mine.hub.stop_all(people)
    with stock.stock() as other:
        other.hub.start_all(other.hub.add(people), at_once=2)
        their_server = _mib(_idle(other.servers())) / SERVERS
        parts = [_mib([other.pid]), _mib(other.cullers()), _mib([other.proxy_pid])]
        other.hub.stop_all(people)
    hub_note = f"hub {hub:.0f}, culler {culler:.0f}; stock's {parts[0]:.0f}, {parts[1]:.0f}, its proxy {parts[2]:.0f}"
    once_note = "agent, routes, HAProxy and supervisor, however many hubs"
    return [
        Figure("idle server (PSS)", round(server, 1), "MiB", round(their_server, 1), stock.AGAINST, hold=1.0),
        Figure("one more hub (PSS)", round(hub + culler, 1), "MiB", round(sum(parts), 1), "JupyterHub", note=hub_note),
        Figure("once for each machine (PSS)", round(once, 1), "MiB", note=once_note),
    ]


def _idle(pids: list[int]) -> list[int]:
    """Wait until processes have used no processor time worth mentioning for a while."""

    def quiet() -> bool:
        before = _cpu_s(pids)
        time.sleep(QUIET_S)
        return _cpu_s(pids) - before < 0.05

    wait_for("idle servers", quiet, timeout_s=120)
    return pids


def _cpu_s(pids: Iterable[int]) -> float:
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(item.user + item.system for item in times)


def _mib(pids: Iterable[int]) -> float:
    return sum(_pss_kib(pid) for pid in pids) / 1024


def _pss_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def _tree(pid: int) -> list[int]:
    """Return a process and those below it, servers excepted: they are nobody's children here."""
    below = [child.pid for child in psutil.Process(pid).children(recursive=True) if child.name() == "haproxy"]
    return [pid, *below]
