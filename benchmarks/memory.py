"""Memory as PSS (what is shared counts once): of idle servers, of one more hub, of what a machine has once."""

import time

from benchmarks import ours, stock
from benchmarks.figure import Figure
from benchmarks.processes import below, cpu_s, pss_mib
from programs import wait_for

SERVERS = 5
QUIET_S = 2.0


def measure() -> list[Figure]:
    """Measure one side after the other, so that neither shares pages with the other one's servers."""
    people = [f"idle-{number}" for number in range(SERVERS)]
    with ours.real() as mine:
        mine.hub.start_all(mine.hub.add(people), at_once=2)
        server = _of_idle_servers(mine)
        hub, culler = pss_mib([mine.pid("hub-bench")]), pss_mib([mine.pid("culler-bench")])
        proxy = mine.pid("proxy")
        agent = mine.pid("agent-here")
        once = [int((mine.fleet.data / "supervisor.lock").read_text()), agent, mine.pid("routes")]
        parents = set(below(agent)) - set(mine.servers())
        shared = pss_mib([*once, *parents, proxy, *below(proxy)])
        mine.hub.stop_all(people)
    with stock.stock() as other:
        other.hub.start_all(other.hub.add(people), at_once=2)
        their_server = _of_idle_servers(other)
        parts = [pss_mib([other.pid]), pss_mib(other.cullers()), pss_mib([other.proxy_pid])]
        other.hub.stop_all(people)
    hub_note = f"hub {hub:.0f}, culler {culler:.0f}; stock's {parts[0]:.0f}, {parts[1]:.0f}, its proxy {parts[2]:.0f}"
    shared_note = "agent, what servers are forked of, routes, HAProxy and supervisor, however many hubs"
    return [
        Figure("idle server (PSS)", round(server, 1), "MiB", round(their_server, 1), stock.AGAINST, hold=0.4),
        Figure("one more hub (PSS)", round(hub + culler, 1), "MiB", round(sum(parts), 1), "JupyterHub", note=hub_note),
        Figure("once for each machine (PSS)", round(shared, 1), "MiB", note=shared_note),
    ]


def _of_idle_servers(side: ours.Ours | stock.Stock) -> float:
    """Wait until servers use no processor time worth mentioning for a while; return the MiB of each."""

    def quiet() -> bool:
        pids = side.servers()
        before = cpu_s(pids)
        time.sleep(QUIET_S)
        return 0 <= cpu_s(pids) - before < 0.05

    wait_for("idle servers", quiet, timeout_s=120)
    return pss_mib(side.servers()) / SERVERS
