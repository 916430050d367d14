"""From the request for a server to a JupyterLab that answers through the proxy, warm: one, and 20 at once.

Both hubs run at the same time and take turns, so that whatever else the machine does meets both.
"""

import statistics

from benchmarks import ours, stock
from benchmarks.figure import Figure
from benchmarks.hubs import Hub

ONE, MANY = 5, 20


def measure() -> list[Figure]:
    with ours.real() as mine, stock.stock() as other:
        hubs = (mine.hub, other.hub)
        for hub in hubs:  # first starts warm the caches of both
            _one(hub, "warm")
        single: dict[str, list[float]] = {hub.name: [] for hub in hubs}
        for number in range(ONE):
            for hub in hubs:
                single[hub.name].append(_one(hub, f"single-{number}"))
        many = {hub.name: _many(hub) for hub in hubs}
    return [
        _figure(f"server start, one (median of {ONE})", single, statistics.median),
        _figure(f"server start, {MANY} at once (last ready)", many, max),
    ]


def _one(hub: Hub, person: str) -> float:
    people = hub.add([person])
    seconds = hub.start(person)
    hub.stop_all(people)
    return seconds


def _many(hub: Hub) -> list[float]:
    people = hub.add(f"many-{number}" for number in range(MANY))
    seconds = hub.start_all(people, at_once=MANY)
    hub.stop_all(people)
    return seconds


def _figure(what: str, seconds: dict[str, list[float]], of: object) -> Figure:
    assert callable(of)
    mine, other = seconds["hubfleet"], seconds["stock"]
    return Figure(what, round(of(mine), 2), "s", round(of(other), 2), stock.AGAINST, hold=1.0, samples=[*mine, *other])
