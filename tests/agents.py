"""Agents as real programs, for integration tests: settings, keys, a hub that answers what single-user servers ask."""

import json
import os
import signal
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Network
from pathlib import Path

from hubfleet._kit import process
from hubfleet._kit.process import ProcessId
from hubfleet.agent import parts
from hubfleet.agent.launchers import limiting
from hubfleet.model.settings.agent import AgentSettings
from hubfleet.protocol.client import AgentClient
from hubfleet.protocol.messages import Server, ServerRequest, ServerResources, ServerSecrets, ServerState
from hubfleet.protocol.signing import CallerKey

_IP_FREEBIND = 15
SOFTWARE = Path(__file__).parent.parent / ".cache" / "software"
"""Where the base software is made once for all tests."""


class FakeHub:
    """Answers what a single-user server asks of its hub, and one token as an owner's."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        hub = self
        self.asked: list[str] = []

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.asked.append(self.path)
                self._say(hub.answer(self.path, self.headers.get("Authorization", "")))

            def do_POST(self) -> None:
                hub.asked.append(self.path)
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self._say((200, {}))

            def _say(self, answer: tuple[int, object]) -> None:
                raw = json.dumps(answer[1]).encode()
                self.send_response(answer[0])
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *args: object) -> None:
                """Keep quiet."""

        class Server(ThreadingHTTPServer):
            def server_bind(self) -> None:
                # the agent puts the address on the host only when it starts
                self.socket.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
                super().server_bind()

        self.server = Server((address, 0), Answers)
        self.server.daemon_threads = True
        self.address = address
        self.port = int(self.server.server_address[1])
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def answer(self, path: str, authorization: str) -> tuple[int, object]:
        if path.rstrip("/") == "/hub/api":
            return 200, {"version": "6.1.1"}
        if path.startswith("/hub/api/user") and authorization.partition(" ")[2].startswith("owner-of-"):
            name = authorization.rpartition("owner-of-")[2]
            scopes = [f"access:servers!user={name}"]
            return 200, {"name": name, "kind": "user", "admin": False, "groups": [], "scopes": scopes}
        return 403, {"status": 403, "message": "Forbidden"}

    def __enter__(self) -> "FakeHub":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


def private_range() -> IPv4Network:
    """Return a range for servers' addresses that no other test uses."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return IPv4Network(f"10.{217 + worker}.{os.getpid() % 250}.0/24")


@dataclass
class AgentProgram:
    """One agent as a program that can be killed and started again."""

    folder: Path
    settings: dict[str, object]
    keys: dict[str, CallerKey]
    user: tuple[int, int] | None = None
    child: process.Child | None = None
    clients: list[AgentClient] = field(default_factory=list)

    @property
    def socket(self) -> str:
        return str(self.settings["socket"])

    @property
    def log(self) -> str:
        path = self.folder / "agent.log"
        return path.read_text() if path.exists() else ""

    def start(self, *command: str) -> None:
        (self.folder / "settings.json").write_text(json.dumps(self.settings))
        (self.folder / "settings.json").chmod(0o644)
        self.child = process.spawn(
            [sys.executable, *(command or ("-m", "hubfleet.agent")), str(self.folder / "settings.json")],
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=self.folder,
            output=self.folder / "agent.log",
            user=self.user,
            umask=0o022 if self.user else 0o077,
        )
        wait_for(self._listens, 30, lambda: self.log)

    def kill(self) -> None:
        assert self.child is not None
        self.child.kill()
        self.child.wait()
        self.child = None

    def end(self) -> None:
        if self.child is not None:
            self.child.terminate()
            self.child.wait(20)
            self.child = None

    def client(self, hub: str) -> AgentClient:
        key = self.keys[hub]
        client = AgentClient(f"unix:{self.socket}", cluster=str(self.settings["cluster"]), key=key)
        self.clients.append(client)
        return client

    def _listens(self) -> bool:
        assert self.child is not None
        if self.child.poll() is not None:
            raise AssertionError(f"the agent ended with {self.child.returncode}:\n{self.log}")
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(self.socket) == 0


@contextmanager
def agent(
    folder: Path,
    hubs: dict[str, FakeHub],
    *,
    user: tuple[int, int] | None = None,
    command: Sequence[str] = (),
    folders: Sequence[str] = (),
    **settings: object,
) -> Iterator[AgentProgram]:
    """Run an agent for the length of a block and end it; its servers must be stopped by the test."""
    keys = {name: CallerKey.new(f"hub-{name}") for name in hubs} | {"": CallerKey.new("operator")}
    portals = {f"portal-{name}": CallerKey.new(f"portal-{name}") for name in hubs}
    callers = [
        {"name": key.name, "role": "hub" if hub else "operator", "hub": hub, "public_key": key.public()}
        for hub, key in keys.items()
    ]
    callers += [
        {"name": name, "role": "portal", "hub": name.removeprefix("portal-"), "public_key": key.public()}
        for name, key in portals.items()
    ]
    document = {
        "fleet": "test",
        "cluster": "here",
        "socket": str(folder / "agent.sock"),
        "data": str(folder / "data"),
        "network": "shared",
        "hubs": [
            {"name": name, "address": hub.address, "port": hub.port, "folders": [{"name": item} for item in folders]}
            for name, hub in hubs.items()
        ],
        "callers": callers,
        "software": str(SOFTWARE),
        **settings,
    }
    if user is not None:
        os.chown(folder, *user)
    program = AgentProgram(folder, document, keys | portals, user)
    program.start(*command)
    try:
        yield program
    finally:
        try:
            program.end()
        finally:
            _wipe(program)


def _wipe(program: AgentProgram) -> None:
    """End what a failed test left; nothing where the test stopped its servers."""
    settings = AgentSettings.model_validate(program.settings)
    label = parts.label(settings)
    left = processes_with(f"HUBFLEET_SERVER={label}/")
    for named in left:
        process.send(named, signal.SIGKILL)
    if left and os.geteuid() == 0:
        groups = limiting.choose(label)
        for server in groups.servers():
            groups.remove(server)
        groups.close()
        wanted = [sys.executable, "-m", "hubfleet.agent.network", "remove", str(program.folder / "settings.json")]
        process.run(wanted, check=False)


def server_request(hub: str, person: str, *, name: str = "", memory_gib: float = 1.0, **more: object) -> ServerRequest:
    """Return what a hub would send for a person's server."""
    prefix = f"/user/{person}/{name}/" if name else f"/user/{person}/"
    return ServerRequest.model_validate(
        {
            "hub": hub,
            "person": person,
            "server_name": name,
            "generation": datetime.now(UTC),
            "resources": ServerResources(memory_gib=memory_gib),
            "variables": {
                "JUPYTERHUB_USER": person,
                "JUPYTERHUB_SERVER_NAME": name,
                "JUPYTERHUB_SERVICE_PREFIX": prefix,
                "JUPYTERHUB_BASE_URL": "/",
                "JUPYTERHUB_API_URL": "http://unused/hub/api",
                "JUPYTERHUB_ACTIVITY_URL": f"http://unused/hub/api/users/{person}/activity",
                "JUPYTERHUB_CLIENT_ID": f"jupyterhub-user-{person}",
                "JUPYTERHUB_OAUTH_CALLBACK_URL": f"{prefix}oauth_callback",
                "JUPYTERHUB_OAUTH_ACCESS_SCOPES": json.dumps([f"access:servers!user={person}"]),
            },
            "secrets": ServerSecrets.model_validate({"api_token": f"token-of-{person}"}),
            **more,
        }
    )


def server_id(hub: str, person: str, name: str = "") -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{hub}/{person}/{name}"))


async def reached(client: AgentClient, server: str, state: ServerState, *, timeout_s: float = 120) -> Server:
    """Follow a server's events until it is in a state."""
    import anyio

    with anyio.fail_after(timeout_s):
        while True:
            found = await client.server(server)
            if found.state is state:
                return found
            if found.state is ServerState.FAILED:
                raise AssertionError(f"{found}\n{await client.logs(server)}")
            await anyio.sleep(0.05)


def wait_for(condition: Callable[[], bool], timeout_s: float, explain: Callable[[], str] = lambda: "") -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout_s} s in vain\n{explain()}")
        time.sleep(0.02)


def processes_with(text: str) -> list[ProcessId]:
    """Return the processes whose environment or arguments contain a text."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                raw = (path / "environ").read_bytes() + (path / "cmdline").read_bytes()
            except OSError:
                continue
            named = ProcessId.of(int(path.name)) if text.encode() in raw else None
            if named:
                found.append(named)
    return found
