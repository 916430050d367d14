"""From the request for a server to a JupyterLab that answers through the proxy, warm: one, and 20 at once.

Both hubs run at the same time and take turns, so that whatever else the machine does meets both. The processor time of
a start (of the server, and of hub, proxy and agent for it) hardly depends on what else runs.
"""

import statistics
from collections import defaultdict

from benchmarks import ours, stock
from benchmarks.figure import Figure
from benchmarks.hubs import Hub
from benchmarks.processes import cpu_s

ONE, MANY = 5, 20
Side = ours.Ours | stock.Stock


def measure() -> list[Figure]:
    seconds: dict[tuple[str, str], list[float]] = defaultdict(list)
    with ours.real() as mine, stock.stock() as other:
        sides = (mine, other)
        for side in sides:  # first starts warm the caches of both
            _one(side.hub, "warm")
        for number in range(ONE):
            for side in sides:
                seconds["one", side.hub.name].append(_one(side.hub, f"single-{number}"))
        for number, side in enumerate((*sides, *reversed(sides))):
            last, spent_s = _many(side, number)
            seconds["many", side.hub.name].append(last)
            seconds["cpu", side.hub.name].append(spent_s)

    def figure(what: str, key: str, hold: float) -> Figure:
        mine, other = seconds[key, "hubfleet"], seconds[key, "stock"]
        middle = [round(statistics.median(both), 2) for both in (mine, other)]
        return Figure(what, middle[0], "s", middle[1], stock.AGAINST, hold=hold, samples=[*mine, *other])

    return [
        figure(f"server start, one (median of {ONE})", "one", 1 / 15),
        figure(f"server start, {MANY} at once (last ready, mean of 2)", "many", 1 / 8),
        figure("processor time of a start", "cpu", 1 / 4),
    ]


def _one(hub: Hub, person: str) -> float:
    people = hub.add([person])
    seconds = hub.start(person)
    hub.stop_all(people)
    return seconds


def _many(side: Side, number: int) -> tuple[float, float]:
    """Return the seconds until the last one is ready, and the processor seconds that each cost."""
    people = side.hub.add(f"many-{number}-{person}" for person in range(MANY))
    before = cpu_s(side.programs())
    last = max(side.hub.start_all(people, at_once=MANY))
    spent = cpu_s([*side.programs(), *side.servers()]) - before
    side.hub.stop_all(people)
    return last, spent / MANY
