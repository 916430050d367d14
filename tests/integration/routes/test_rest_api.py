"""routes' REST API beside the real configurable-http-proxy's: the same calls, the same answers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hubfleet._kit import process
from integration.routes.conftest import MakeProxy, MakeUpstream, Proxy, proxy_maker
from integration.routes.locks import one_at_a_time
from programs import Answer, Programs, ask, free_port, started

pytestmark = [pytest.mark.integration, pytest.mark.slow]

TOKEN = "ocean-token-0123456789"
AUTH = {"Authorization": f"token {TOKEN}"}
T1, T2 = "http://127.0.0.1:9001", "http://127.0.0.1:9002"

CALLS: list[tuple[str, str, Any]] = [
    ("GET", "/api/routes", None),
    ("POST", "/api/routes/", {"target": T1, "jupyterhub": True, "hub": True}),
    ("GET", "/api/routes", None),
    ("GET", "/api/routes/", None),
    ("POST", "/api/routes/user/x@y.z", {"target": T1, "jupyterhub": True, "user": "x@y.z", "server_name": ""}),
    ("POST", "/api/routes/user/%C3%BCna/", {"target": T2, "user": "üna", "nested": {"list": [1, None, 2.5]}}),
    ("GET", "/api/routes", None),
    ("GET", "/api/routes/user/x@y.z", None),
    ("GET", "/api/routes/user/x%40y.z/", None),
    ("GET", "/api/routes/user/%c3%bcna", None),
    ("GET", "/api/routes/user/nobody", None),
    ("POST", "/api/routes/user/x@y.z", {"target": T2, "changed": 1}),
    ("GET", "/api/routes/user/x@y.z", None),
    ("POST", "/api/routes/user/x@y.z/named", {"target": T1, "user": "x@y.z", "server_name": "named"}),
    ("DELETE", "/api/routes/user/x@y.z", None),
    ("GET", "/api/routes", None),
    ("DELETE", "/api/routes/user/x@y.z", None),
    ("DELETE", "/api/routes/user/%C3%BCna/", None),
    ("GET", "/api/routes?inactive_since=2000-01-01T00:00:00Z", None),
    ("GET", "/api/routes?inactive_since=2100-01-01T00:00:00Z", None),
    ("GET", "/api/routes?inactiveSince=2100-01-01", None),
    ("GET", "/api/routes?inactive_since=yesterday", None),
    ("POST", "/api/routes/user/z", {}),
    ("POST", "/api/routes/user/z", {"target": 5}),
    ("POST", "/api/routes/user/z", [T1]),
    ("POST", "/api/routes/user/z", "{not json"),
    ("POST", "/api/routes/user/z", ""),
    ("PUT", "/api/routes/user/z", {"target": T1}),
    ("PATCH", "/api/routes", None),
    ("GET", "/api", None),
    ("GET", "/api/other", None),
    ("GET", "/", None),
    ("DELETE", "/api/routes/", None),
    ("GET", "/api/routes", None),
]


@pytest.fixture(scope="module")
def real() -> Path:
    """The real program, installed from npm below the project's cache folder."""
    folder = Path(__file__).parents[3] / ".cache" / "npm"
    program = folder / "node_modules" / ".bin" / "configurable-http-proxy"
    with one_at_a_time(folder / "lock"):
        if not program.exists():
            install = [
                "npm",
                "install",
                "--no-audit",
                "--no-fund",
                "--prefix",
                str(folder),
                "configurable-http-proxy@5",
            ]
            process.run(install, timeout_s=300)
    return program


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """HAProxy and routes for two hubs."""
    folder = tmp_path_factory.mktemp("rest")
    with started(folder) as running:
        yield proxy_maker(running, folder)()


def play(port: int) -> list[tuple[str, int, object]]:
    """Make all calls and return call, status and (below 400) what the body says, without times."""
    played: list[tuple[str, int, object]] = []
    for method, path, body in CALLS:
        raw = body if isinstance(body, str) or body is None else json.dumps(body)
        answer = ask(port, path, method=method, headers=AUTH, body=raw)
        played.append((f"{method} {path} {raw}", answer.status, told(answer)))
    return played


def told(answer: Answer) -> object:
    """Return an answer's JSON without times, or whether it has a body."""
    if answer.status >= 400:
        return None
    if not answer.body:
        return ""
    return json.loads(answer.body, object_hook=lambda one: {k: v for k, v in one.items() if k != "last_activity"})


def test_the_same_calls_get_the_same_answers(proxy: Proxy, real: Path, running: Programs) -> None:
    """Status and JSON of every documented call, and of wrong ones, are the real program's."""
    api = free_port()
    command = [str(real), "--ip", "127.0.0.1", "--port", str(free_port()), "--api-ip", "127.0.0.1"]
    program = running.start("chp", [*command, "--api-port", str(api)], env={"CONFIGPROXY_AUTH_TOKEN": TOKEN})
    program.wait_http(api, "/")
    assert play(proxy.settings.api.port) == play(api)


@pytest.mark.parametrize("header", ["", "token", "token wrong", f"Basic {TOKEN}", TOKEN, "token coast", "token \xe9"])
def test_without_a_hubs_token_nothing_is_told(proxy: Proxy, header: str) -> None:
    """As with the real program, a wrong token and no token are 403."""
    for method in ("GET", "POST", "DELETE"):
        answer = ask(proxy.settings.api.port, "/api/routes/user/x", method=method, headers={"Authorization": header})
        assert answer.status == 403
    assert ask(proxy.settings.api.port, "/api/routes").status == 403


def test_a_hub_neither_sees_nor_changes_another_hubs_routes(proxy: Proxy, make_upstream: MakeUpstream) -> None:
    """The same path is another route for another hub, and deleting it leaves the first."""
    mine, theirs = make_upstream("mine"), make_upstream("theirs")
    proxy.add("/user/ann", mine.url, user="ann")
    assert proxy.api("GET", "/api/routes/user/ann", hub="coast").status == 404
    assert "/user/ann" not in json.loads(proxy.api("GET", "/api/routes", hub="coast").body)
    assert proxy.api("DELETE", "/api/routes/user/ann", hub="coast").status == 404
    proxy.add("/user/ann", theirs.url, of="coast", user="ann")
    assert json.loads(proxy.get("/user/ann/").body)["name"] == "mine"
    assert json.loads(proxy.get("/user/ann/", host="coast.localhost").body)["name"] == "theirs"
    assert proxy.api("DELETE", "/api/routes/user/ann", hub="coast").status == 204
    assert json.loads(proxy.get("/user/ann/").body)["name"] == "mine"


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://169.254.169.254:80", 403),
        ("http://[::ffff:169.254.169.254]:80", 403),
        ("http://[fe80::1]:80", 403),
        ("http://10.0.0.1:8888", 403),
        ("http://0.0.0.0:8888", 403),
        ("https://127.0.0.1:8888", 403),
        ("http://localhost:8888", 400),
        ("http://2852039166/", 400),
        ("http://127.0.0.1:8888/path", 400),
        ("http://user@127.0.0.1:8888", 400),
        ("http://127.0.0.1:99999", 400),
        ("unix+http://%2Ftmp%2Fsocket", 400),
        ("ftp://127.0.0.1:21", 400),
        ("http://127.0.0.1:8888;add map", 400),
        ("", 400),
    ],
)
def test_routes_lead_only_where_the_settings_allow(proxy: Proxy, target: str, status: int) -> None:
    """A hub that was broken into can't point people's browsers, or itself, at what is not a server."""
    answer = proxy.api("POST", "/api/routes/user/evil", body={"target": target})
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert proxy.api("GET", "/api/routes/user/evil").status == 404


@pytest.mark.parametrize("path", ["/user/../x", "/user//x", "/user/%2e%2e/x", "/user/%0a", "/user/" + "x" * 1200])
def test_paths_that_no_request_can_have_are_refused(proxy: Proxy, path: str) -> None:
    """So that no two names mean one place."""
    assert proxy.api("POST", f"/api/routes{path}", body={"target": T1}).status == 400


def test_a_changed_token_counts_at_once(make_proxy: MakeProxy) -> None:
    """The token file is read again when it changes; a missing one lets nobody in."""
    proxy = make_proxy("ocean")
    token = Path(proxy.settings.hubs[0].token_file)
    assert proxy.api("GET", "/api/routes").status == 200
    token.write_text("another-token-9876543210\n")
    assert proxy.api("GET", "/api/routes").status == 403
    assert proxy.api("GET", "/api/routes", token="another-token-9876543210").status == 200
    token.unlink()
    assert proxy.api("GET", "/api/routes", token="another-token-9876543210").status == 403


def test_activity_is_told_from_requests(proxy: Proxy, make_upstream: MakeUpstream) -> None:
    """A request through the proxy moves a route's last activity."""
    proxy.add("/user/busy", make_upstream("busy").url, user="busy")
    before = json.loads(proxy.api("GET", "/api/routes/user/busy").body)["last_activity"]
    proxy.get("/user/busy/")
    assert json.loads(proxy.api("GET", "/api/routes/user/busy").body)["last_activity"] > before


def test_with_user_subdomains_a_hub_has_its_own_hosts_only(make_proxy: MakeProxy) -> None:
    """Host-prefixed paths of other hubs, and of no hub, are refused."""
    proxy = make_proxy(each={"user_subdomains": True})
    for path, status in {
        "/alice.ocean.localhost/user/alice": 201,
        "/ocean.localhost/services/portal": 201,
        "/alice.coast.localhost/user/alice": 403,
        "/coast.localhost/hub": 403,
        "/user/alice": 403,
        "/a.b.ocean.localhost/user/alice": 403,
        "/evilocean.localhost/user/alice": 403,
        "/ocean.localhost": 400,
    }.items():
        assert proxy.api("POST", f"/api/routes{path}", body={"target": T1}).status == status, path
    listed = json.loads(proxy.api("GET", "/api/routes").body)
    assert listed["/alice.ocean.localhost/user/alice"]["host"] == "alice.ocean.localhost"
