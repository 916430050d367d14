"""What people notice when a part of the proxy is killed or starts anew: nothing, or a pause."""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hubfleet.model.settings.routes import RoutesSettings
from integration.routes.conftest import MakeProxy, MakeUpstream, Proxy
from integration.routes.sockets import EchoServer, open_websocket
from programs import ask, free_port, wait_for

pytestmark = pytest.mark.integration


@contextmanager
def asking(proxy: Proxy, path: str) -> Iterator[list[int]]:
    """Ask for a path without pause during a block; the list has each status, 0 for no answer."""
    statuses: list[int] = []
    done = threading.Event()

    def ask_on() -> None:
        while not done.is_set():
            try:
                statuses.append(proxy.get(path).status)
            except OSError:
                statuses.append(0)

    thread = threading.Thread(target=ask_on)
    thread.start()
    try:
        wait_for("first answer", lambda: statuses)
        yield statuses
    finally:
        done.set()
        thread.join()


@pytest.fixture
def served(make_proxy: MakeProxy, make_upstream: MakeUpstream) -> Proxy:
    """A proxy with a hub and alice."""
    proxy = make_proxy()
    proxy.add("/", make_upstream("hub").url)
    proxy.add("/user/alice", make_upstream("alice").url, user="alice")
    return proxy


def test_a_server_answers_while_routes_is_killed_and_started(served: Proxy) -> None:
    """No request fails while routes is away, and all routes are known after it."""
    before = json.loads(served.api("GET", "/api/routes").body)
    with asking(served, "/user/alice/") as statuses:
        assert served.routes
        served.routes.kill()
        seen = len(statuses)
        wait_for("more answers", lambda: len(statuses) > seen + 20)
        served.start_routes()
    assert set(statuses) == {200}
    after = json.loads(served.api("GET", "/api/routes").body)
    assert {path: route["target"] for path, route in after.items()} == {p: r["target"] for p, r in before.items()}


def test_routes_are_back_at_once_after_haproxy_is_killed(served: Proxy, make_upstream: MakeUpstream) -> None:
    """A restarted HAProxy serves from its first answer on, and learns what changed while it was away."""
    bob = make_upstream("bob")
    assert served.haproxy
    served.haproxy.kill()
    wait_for("the worker's end", lambda: not listens(served.port))
    served.add("/user/bob", bob.url, user="bob")
    assert served.api("DELETE", "/api/routes/user/alice").status == 204
    served.start_haproxy()
    start = time.monotonic()
    wait_for("bob's route", lambda: json.loads(served.get("/user/bob/").body)["name"] == "bob")
    wait_for("the end of alice's route", lambda: json.loads(served.get("/user/alice/").body)["name"] == "hub")
    assert time.monotonic() - start < 1


def test_a_restarted_haproxy_needs_no_routes_program(served: Proxy) -> None:
    """The map file is enough to serve."""
    map_path = Path(served.settings.map_path)
    wait_for("the map file", lambda: "alice" in map_path.read_text())
    assert served.routes and served.haproxy
    served.routes.kill()
    served.haproxy.kill()
    wait_for("the worker's end", lambda: not listens(served.port))
    served.start_haproxy()
    assert json.loads(served.get("/user/alice/").body)["name"] == "alice"


def test_requests_to_a_restarting_hub_are_held(served: Proxy, make_upstream: MakeUpstream) -> None:
    """A hub's restart is a pause for people, and for servers that ask it who somebody is."""
    hub = make_upstream("hub")
    served.add("/", hub.url)
    hub.close()
    answers: list[int] = []
    internal = served.settings.hubs[0].internal
    assert internal
    asks: list[Callable[[], object]] = [
        lambda: answers.append(served.get("/hub/home").status),
        lambda: answers.append(served.get("/hub/login", method="POST", body="x=y").status),
        lambda: answers.append(ask(internal.port, "/hub/api/user").status),
    ]
    threads = [threading.Thread(target=one) for one in asks]
    for thread in threads:
        thread.start()
    threads[0].join(0.5)
    assert answers == []
    hub.open()
    for thread in threads:
        thread.join()
    assert answers == [200, 200, 200]


def test_a_hub_that_stays_away_gets_a_page(make_proxy: MakeProxy, make_upstream: MakeUpstream) -> None:
    """After the time of holding, people read what happened."""
    proxy = make_proxy(hold_s=1)
    hub = make_upstream("hub")
    proxy.add("/", hub.url)
    hub.close()
    answer = proxy.get("/hub/home")
    assert (answer.status, "taking a break" in answer.text) == (503, True)


def test_a_reload_brings_a_new_hub_and_cuts_no_websocket(served: Proxy, tmp_path: Path) -> None:
    """SIGUSR2 reads the settings again; what is open stays open."""
    echo = EchoServer()
    served.add("/user/carol", f"http://127.0.0.1:{echo.port}", user="carol")
    new = served.settings.hubs[1].model_dump(mode="json") | {"name": "reef", "host": "reef.localhost"}
    new["internal"]["port"] = free_port()
    changed = served.settings.model_dump(mode="json")
    changed["hubs"].append(new)
    with open_websocket(served.port, "ocean.localhost", "/user/carol/ws") as websocket:
        assert served.get("/", host="reef.localhost").status == 404
        served.write(RoutesSettings.model_validate(changed))
        with asking(served, "/user/alice/") as statuses:
            served.reload()
            wait_for("the new hub's page", lambda: served.get("/", host="reef.localhost").status == 503)
            assert ask(new["internal"]["port"], "/hub/").status == 503
        assert set(statuses) == {200}
        assert websocket.echo(b"still here") == b"still here"
        served.reload()
        assert websocket.echo(b"and again") == b"and again"
    echo.close()


def test_a_worker_that_read_an_old_map_is_told_all(served: Proxy) -> None:
    """Whatever a new worker read, it has the right routes a moment later."""
    map_path = Path(served.settings.map_path)
    wait_for("the map file", lambda: "alice" in map_path.read_text())
    map_path.write_text("")
    served.reload()
    wait_for("alice's route", lambda: served.get("/user/alice/").status == 200, timeout_s=2)


def test_a_reload_with_wrong_settings_changes_nothing(served: Proxy) -> None:
    """HAProxy goes on with what it had, and says why."""
    served.settings_path.write_text('{"listen": "nonsense"}')
    assert served.haproxy
    served.reload()
    assert json.loads(served.get("/user/alice/").body)["name"] == "alice"
    assert "goes on with the old configuration" in served.haproxy.log()


def test_a_replica_that_was_away_is_told(make_proxy: MakeProxy, make_upstream: MakeUpstream, tmp_path: Path) -> None:
    """Each HAProxy has all routes, whenever it came."""
    second_socket = str(tmp_path / "second.sock")
    proxy = make_proxy(start=False, other_runtime_sockets=[second_socket])
    proxy.start_haproxy()
    proxy.routes = proxy.programs.start("routes", [sys.executable, "-m", "hubfleet.routes", str(proxy.settings_path)])
    proxy.routes.wait_http(proxy.settings.api.port, "/healthz")
    proxy.add("/", make_upstream("hub").url)
    values = proxy.settings.model_dump(mode="json")
    for hub in values["hubs"]:
        hub["internal"]["port"] = free_port()
    values["listen"][0]["port"] = free_port()
    other = tmp_path / "other" / "routes.map"
    values |= {"runtime_socket": second_socket, "proxy_folder": str(tmp_path / "proxy2")}
    second = Proxy(proxy.programs, RoutesSettings.model_validate(values), tmp_path / "second.json")
    assert not other.exists()
    second.write(second.settings)
    second.start_haproxy()
    proxy.wait_told()
    proxy.add("/user/alice", make_upstream("alice").url, user="alice")
    assert [json.loads(one.get("/user/alice/").body)["name"] for one in (proxy, second)] == ["alice", "alice"]


def test_damaged_state_is_set_aside(served: Proxy) -> None:
    """Routes starts with what can be read, and says where the rest is."""
    assert served.routes
    served.routes.kill()
    state = Path(served.settings.state_folder) / "routes-ocean.jsonl"
    state.write_bytes(b"\x00\xffgarbage\n" + state.read_bytes())
    served.start_routes()
    assert set(json.loads(served.api("GET", "/api/routes").body)) == {"/", "/user/alice"}
    assert list(state.parent.glob("routes-ocean.jsonl.damaged-*"))
    assert "was damaged" in served.routes.log()


def listens(port: int) -> bool:
    """Say whether anybody accepts connections on a port."""
    try:
        ask(port, "/", timeout_s=2)
    except OSError:
        return False
    return True
