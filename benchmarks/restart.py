"""Kill -9 of a hub while people use their servers: requests that fail, and servers that the hub stops, until all is
as before.

200 servers are the in-process launcher's; 5 are real ones that ask the hub about each request (identity caching off),
so that a hub that is away would be noticed. The same is done to a stock JupyterHub with 5 real servers.
"""

import asyncio
import http.client
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import ours, stock
from benchmarks.figure import Figure
from benchmarks.hubs import Hub
from hubfleet._kit.process import ProcessId
from hubfleet.platforms.machine import secrets
from hubfleet.protocol.client import AgentClient
from hubfleet.protocol.messages import ServerState
from hubfleet.protocol.signing import CallerKey
from machines import CLUSTER
from programs import wait_for

MANY, FEW, CLIENTS = 200, 5, 4
OPEN, ASKING = "api", "api/status"
"""Paths of a server: one that anybody may ask, and one for which a server asks its hub who is asking."""
# `cache_max_age = 0` would mean the contrary: an identity is then kept for ever
_NO_CACHE = """
from jupyterhub.services import auth
auth._ExpiringDict.__setitem__ = lambda self, key, value: None
"""
_UNSTOPPED = "did not pass the check at the hub's start"


@dataclass
class Asked:
    """What the people saw."""

    answers: int = 0
    failures: list[str] = field(default_factory=list)
    slowest_s: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """How a restart went."""

    asked: Asked
    stops: int
    seconds: float

    def figures(self, what: str) -> list[Figure]:
        slow = f"{self.asked.answers:,} answers, the slowest after {self.asked.slowest_s:.1f} s"
        back = f"all servers ready in the new hub after {self.seconds:.1f} s"
        return [
            Figure(f"hub killed, {what}: failed requests", len(self.asked.failures), "", hold=0, note=slow),
            Figure(f"hub killed, {what}: servers stopped", self.stops, "", hold=0, note=back),
        ]


def measure() -> list[Figure]:
    with ours.pretended() as made:
        people = made.hub.add(f"many-{number}" for number in range(MANY))
        made.hub.start_all(people, at_once=10, path=OPEN)
        many = _killed(made, people, OPEN)
    with ours.real() as made:
        people = made.hub.add(f"few-{number}" for number in range(FEW))
        made.hub.start_all(people, at_once=2)
        made.hub.stop_all(people)
        for person in people:
            _cache_nothing(made.home(person))
        made.hub.start_all(people, at_once=2)
        few = _killed(made, people, ASKING)
        assert few.asked.slowest_s > 1, "no server had to wait for the hub: identities were cached"
        made.hub.stop_all(people)
    other = _stock_killed()
    theirs = Figure(
        f"the same for stock JupyterHub, {FEW} real servers: failed requests",
        len(other.asked.failures),
        "",
        note=f"of {other.asked.answers:,}; {other.stops} servers ended; ready after {other.seconds:.1f} s",
    )
    return [*many.figures(f"{MANY} in-process servers"), *few.figures(f"{FEW} real servers"), theirs]


def _killed(made: ours.Ours, people: Sequence[str], path: str) -> Outcome:
    program = f"hub-{ours.NAME}"
    before = made.pid(program)
    since = asyncio.run(_events(made, -1))[0]
    log = made.platform.places.logs / f"{program}.log"
    read = log.stat().st_size
    with _asking(made.hub, people, path) as asked:
        killed = time.perf_counter()
        os.kill(before, signal.SIGKILL)
        wait_for("another hub", lambda: made.platform.control.status()[program].pid not in {None, before})
        wait_for("all servers", lambda: made.hub.ready() == len(people), timeout_s=180, every_s=0.1)
        seconds = time.perf_counter() - killed
        _once_more(asked, len(people))
    stops = asyncio.run(_events(made, since))[1]
    stops += log.read_bytes()[read:].decode(errors="replace").count(_UNSTOPPED)
    return Outcome(asked, stops, seconds)


async def _events(made: ours.Ours, since: int) -> tuple[int, int]:
    """Return the agent's last number, and how many servers have been ended since a number."""
    key = CallerKey("operator", secrets.read(made.platform.places, "operator/agent-key"))
    agent = AgentClient(f"unix:{made.platform.places.run}/agent-{CLUSTER}.sock", cluster=CLUSTER, key=key)
    try:
        found = await agent.servers()
        ended: set[str] = set()
        if 0 <= since < found.seq:
            async for event in agent.events(since=since):
                if event.state in {ServerState.STOPPING, ServerState.STOPPED, ServerState.FAILED}:
                    ended.add(event.server)
                if event.seq >= found.seq:
                    break
        return found.seq, len(ended)
    finally:
        await agent.close()


def _cache_nothing(home: Path) -> None:
    """Let a person's server ask the hub about each request: by its own configuration in the home."""
    folder = home / ".jupyter"
    folder.mkdir(exist_ok=True)
    file = folder / "jupyter_server_config.py"
    file.write_text(_NO_CACHE)
    for path in (folder, file):
        os.chown(path, home.stat().st_uid, home.stat().st_gid)


def _stock_killed() -> Outcome:
    with stock.stock() as other:
        people = other.hub.add(f"few-{number}" for number in range(FEW))
        for person in people:
            (other.folder / "homes" / person).mkdir()
            _cache_nothing(other.folder / "homes" / person)
        other.hub.start_all(people, at_once=2)
        before = [ProcessId.of(pid) for pid in other.servers()]
        with _asking(other.hub, people, ASKING) as asked:
            killed = time.perf_counter()
            os.kill(other.pid, signal.SIGKILL)
            other.start()
            wait_for("all servers", lambda: other.hub.ready() == len(people), timeout_s=60, every_s=0.1)
            seconds = time.perf_counter() - killed
            _once_more(asked, len(people))
        ended = sum(1 for item in before if item is None or not item.alive())
        return Outcome(asked, ended, seconds)


def _once_more(asked: Asked, people: int) -> None:
    """Wait until everybody has asked again."""
    wanted = asked.answers + 2 * people
    wait_for("further answers", lambda: asked.answers >= wanted, timeout_s=120)


@contextmanager
def _asking(hub: Hub, people: Sequence[str], path: str) -> Iterator[Asked]:
    """Let all people ask their servers, one after the other, from some clients at once, while a block runs."""
    asked, over, lock = Asked(), threading.Event(), threading.Lock()

    def client(mine: Sequence[str]) -> None:
        while not over.is_set():
            for person in mine:
                began = time.perf_counter()
                try:
                    status = str(hub.get(f"/user/{person}/{path}").status)
                except (OSError, http.client.HTTPException) as error:
                    status = repr(error)
                with lock:
                    asked.answers += 1
                    asked.slowest_s = max(asked.slowest_s, time.perf_counter() - began)
                    if status != "200":
                        asked.failures.append(f"{person}: {status}")
                over.wait(0.01)

    threads = [threading.Thread(target=client, args=(people[number::CLIENTS],)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        _once_more(asked, len(people))
        yield asked
    finally:
        over.set()
        for thread in threads:
            thread.join()
