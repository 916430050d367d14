"""A proxy of our own for each test: HAProxy and routes with settings of the test's choice, and tiny servers behind."""

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import programs
from hubfleet._kit.files import make_private
from hubfleet.model.settings.routes import RoutesSettings
from hubfleet.routes.runtime import RuntimeSocket
from programs import Answer, Programs, Running


@dataclass
class Upstream:
    """A server that answers each request with what it saw, as JSON; counts them."""

    name: str
    port: int = 0
    seen: list[dict[str, Any]] = field(default_factory=list)
    server: ThreadingHTTPServer | None = None

    def open(self) -> None:
        """Listen, on the same port as before if there was one."""
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                seen = {"name": upstream.name, "path": self.path, "method": self.command, "body": body.decode("latin1")}
                upstream.seen.append(seen | {"headers": self.headers.items()})
                answer = json.dumps(upstream.seen[-1]).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_POST = do_GET  # noqa: N815 - the server's own name

            def log_message(self, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *args: object) -> None:
                """A connection that broke is the test's own doing."""

        self.server = Server(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    @property
    def url(self) -> str:
        """Its address as a route's target."""
        return f"http://127.0.0.1:{self.port}"


@dataclass
class Proxy:
    """HAProxy and routes, as a platform would run them."""

    programs: Programs
    settings: RoutesSettings
    settings_path: Path
    haproxy: Running | None = None
    routes: Running | None = None

    @property
    def port(self) -> int:
        """Where people reach it."""
        return self.settings.listen[0].port

    @property
    def socket(self) -> RuntimeSocket:
        """HAProxy's runtime socket."""
        return RuntimeSocket(Path(self.settings.runtime_socket))

    def write(self, settings: RoutesSettings) -> None:
        """Give the programs other settings, for their next start or reload."""
        self.settings = settings
        self.settings_path.write_text(settings.model_dump_json(indent=1))

    def start_haproxy(self) -> None:
        """Start HAProxy and wait until it answers."""
        command = [sys.executable, "-m", "hubfleet.routes.proxy", str(self.settings_path)]
        self.haproxy = self.programs.start("haproxy", command)
        self.haproxy.wait_http(self.port, "/", host="nobody.test", below=600)

    def start_routes(self) -> None:
        """Start routes and wait until it answers and HAProxy was told."""
        self.routes = self.programs.start("routes", [sys.executable, "-m", "hubfleet.routes", str(self.settings_path)])
        self.routes.wait_http(self.settings.api.port, "/healthz")
        self.wait_told()

    def wait_told(self) -> None:
        """Wait until every HAProxy has all routes."""
        port = self.settings.api.port
        programs.wait_for(
            "HAProxy is told", lambda: all(json.loads(programs.ask(port, "/healthz").body)["haproxy"].values())
        )

    def api(self, method: str, path: str, *, hub: str = "ocean", body: object = None, token: str = "") -> Answer:
        """Call routes' REST API with a hub's token."""
        raw = body if isinstance(body, str) or body is None else json.dumps(body)
        headers = {"Authorization": f"token {token or hub + '-token-0123456789'}"}
        return programs.ask(self.settings.api.port, path, method=method, headers=headers, body=raw)

    def add(self, path: str, target: str, *, of: str = "ocean", **data: object) -> None:
        """Add a route, as a hub does."""
        answer = self.api("POST", f"/api/routes{path}", hub=of, body={"target": target, "jupyterhub": True, **data})
        assert answer.status == 201, answer

    def get(self, path: str, *, host: str = "ocean.localhost", **options: Any) -> Answer:
        """Ask as a person's browser does."""
        return programs.ask(self.port, path, host=host, **options)

    def reload(self) -> None:
        """Reload HAProxy and wait for the new worker; HAProxy loses a SIGUSR2 that comes while its last one ends."""
        assert self.haproxy
        before = self.worker()
        for _ in range(5):
            self.haproxy.signal(signal.SIGUSR2)
            with suppress(AssertionError):
                programs.wait_for("a new worker", lambda: self.worker() != before, timeout_s=3)
                return
        raise AssertionError(f"no reload: {self.haproxy.log()[-3000:]}")

    def worker(self) -> int:
        """Return the process id of HAProxy's worker."""
        return asyncio.run(self.socket.worker())


MakeProxy = Callable[..., Proxy]
MakeUpstream = Callable[[str], Upstream]


def proxy_maker(running: Programs, folder: Path) -> MakeProxy:
    """Return a function that starts HAProxy and routes for hubs of given names, with files below a folder."""

    def make(*hubs: str, start: bool = True, each: dict[str, Any] | None = None, **changes: Any) -> Proxy:
        tokens = make_private(folder / "tokens")
        listed = []
        for hub in hubs or ("ocean", "coast"):
            (tokens / hub).write_text(f"{hub}-token-0123456789\n")
            listed.append(
                {
                    "name": hub,
                    "host": f"{hub}.localhost",
                    "token_file": str(tokens / hub),
                    "internal": {"address": "127.0.0.1", "port": programs.free_port()},
                    **(each or {}),
                }
            )
        values: dict[str, Any] = (
            {
                "listen": [{"address": "127.0.0.1", "port": programs.free_port()}],
                "hubs": listed,
                "api": {"address": "127.0.0.1", "port": programs.free_port()},
                "runtime_socket": str(folder / "run.sock"),
                "state_folder": str(folder / "state"),
                "proxy_folder": str(folder / "proxy"),
                "map_path": str(folder / "state" / "routes.map"),
            }
            | ({"haproxy": os.environ["TEST_HAPROXY"]} if "TEST_HAPROXY" in os.environ else {})
            | changes
        )
        proxy = Proxy(running, RoutesSettings.model_validate(values), folder / "routes.json")
        proxy.write(proxy.settings)
        if start:
            proxy.start_haproxy()
            proxy.start_routes()
        return proxy

    return make


@contextmanager
def upstream_maker() -> Iterator[MakeUpstream]:
    """Yield a function that opens a tiny server of a given name; all are closed after the block."""
    opened: list[Upstream] = []

    def make(name: str) -> Upstream:
        upstream = Upstream(name)
        upstream.open()
        opened.append(upstream)
        return upstream

    try:
        yield make
    finally:
        for upstream in opened:
            upstream.close()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Programs]:
    """Programs that end with the test."""
    with programs.started(tmp_path) as started:
        yield started


@pytest.fixture
def make_proxy(running: Programs, tmp_path: Path) -> MakeProxy:
    """Return a function that starts HAProxy and routes for hubs of given names."""
    return proxy_maker(running, tmp_path)


@pytest.fixture
def make_upstream() -> Iterator[MakeUpstream]:
    """Return a function that opens a tiny server of a given name."""
    with upstream_maker() as make:
        yield make
