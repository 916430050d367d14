"""What requests reach: one's own route and nothing else, however they are written."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from integration.routes.conftest import MakeProxy, MakeUpstream, Proxy, proxy_maker, upstream_maker
from integration.routes.sockets import EchoServer, open_websocket, raw, status
from programs import ask, started

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy with two hubs, alice and bob on the first and üna on the second; tests add to it only."""
    folder = tmp_path_factory.mktemp("served")
    with started(folder) as running, upstream_maker() as make_upstream:
        proxy = proxy_maker(running, folder)()
        proxy.add("/", make_upstream("hub").url, hub=True)
        proxy.add("/user/alice", make_upstream("alice").url, user="alice", server_name="")
        proxy.add("/user/bob", make_upstream("bob").url, user="bob", server_name="")
        proxy.add("/user/x@y.z", make_upstream("x@y.z").url, user="x@y.z", server_name="")
        proxy.add("/", make_upstream("coast").url, of="coast", hub=True)
        proxy.add("/user/%C3%BCna", make_upstream("üna").url, of="coast", user="üna")
        yield proxy


def reached(proxy: Proxy, target: str, host: str = "ocean.localhost", headers: str = "") -> tuple[int, str]:
    """Send a request line as it is and return status and who answered."""
    request = f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{headers}Connection: close\r\n\r\n"
    answer = raw(proxy.port, request.encode("latin1"))
    body = answer.partition(b"\r\n\r\n")[2]
    return status(answer), json.loads(body)["name"] if body.startswith(b"{") else ""


@pytest.mark.parametrize(
    ("target", "who"),
    [
        ("/", "hub"),
        ("/hub/home", "hub"),
        ("/user/alice", "alice"),
        ("/user/alice/", "alice"),
        ("/user/alice/lab?x=/user/bob/", "alice"),
        ("/user/alicea/", "hub"),
        ("/user/Alice/", "hub"),
        ("/user/%61lice/", "alice"),
        ("/user/x@y.z/lab", "x@y.z"),
        ("/user/x%40y.z/lab", "x@y.z"),
        ("/user/alice%2fx", "alice"),
        ("/user/alice/%2f%2fuser%2fbob/", "alice"),
        ("/user/alice//user/bob/", "alice"),
        ("//user/bob/", "hub"),
        ("/user//bob/", "hub"),
        ("/user/alice%252f..%252fbob/", "hub"),
        ("/user/alice/" + "x" * 9000, "alice"),
        ("/user/alice/" + "%C3%BC" * 2000, "alice"),
    ],
)
def test_a_path_reaches_its_own_route(served: Proxy, target: str, who: str) -> None:
    """The longest route of whole segments gets the request, whichever way the path is encoded."""
    assert reached(served, target) == (200, who)


@pytest.mark.parametrize("spelling", ["/user/%C3%BCna/lab", "/user/%c3%bcna/lab", "/user/%C3%bc%6e%61/lab"])
def test_a_name_arrives_as_jupyterhub_spells_it(served: Proxy, spelling: str) -> None:
    """A server compares its prefix letter by letter, so the proxy sends JupyterHub's own spelling."""
    answer = json.loads(served.get(spelling, host="coast.localhost").body)
    assert (answer["name"], answer["path"]) == ("üna", "/user/%C3%BCna/lab")


@pytest.mark.parametrize(
    "target",
    [
        "/user/alice/../bob/",
        "/user/alice/%2e%2e/bob/",
        "/user/alice%2f..%2fbob/",
        "/user/alice/..%5cbob/",
        "/user/alice/./x",
        "/user/alice/..",
        "/user/alice%00/",
        "/user/%zz/",
        "http://coast.localhost/user/alice/",
        "*",
    ],
)
def test_a_path_of_two_meanings_is_refused(served: Proxy, target: str) -> None:
    """Dot segments, broken escapes, NUL bytes and a URI that names another host end at the proxy."""
    assert reached(served, target) == (400, "")


def test_an_absolute_uri_that_agrees_with_the_host_is_served(served: Proxy) -> None:
    """The absolute form is HTTP/1.1's own."""
    assert reached(served, "http://ocean.localhost/user/alice/") == (200, "alice")


@pytest.mark.parametrize(
    ("host", "headers", "expected"),
    [
        ("elsewhere.localhost", "", 404),
        ("localhost", "", 404),
        ("x.ocean.localhost", "", 404),
        ("ocean.localhost", "Host: coast.localhost\r\n", 400),
        ("coast.localhost", "Host: ocean.localhost\r\n", 400),
        ("ocean.localhost,coast.localhost", "", 400),
        ("ocean.localhost/x", "", 400),
        ("ocean.localhost@coast.localhost", "", 400),
        ("ocean.localhost:port", "", 400),
        ("", "", 400),
    ],
)
def test_a_host_that_is_not_one_hubs_reaches_nobody(served: Proxy, host: str, headers: str, expected: int) -> None:
    """A foreign host gets a page that says so, a doubtful one is refused."""
    assert reached(served, "/user/alice/", host, headers) == (expected, "")


def test_hosts_are_compared_without_case_and_port(served: Proxy) -> None:
    """`OCEAN.localhost:8000` is ocean."""
    assert reached(served, "/user/alice/", "OCEAN.localhost:8000") == (200, "alice")


def test_a_path_longer_than_the_buffer_is_refused(served: Proxy) -> None:
    """It ends at the proxy with a page of ours."""
    assert reached(served, "/user/alice/" + "x" * 40000) == (400, "")


def test_what_a_person_says_of_forwarding_is_dropped(served: Proxy) -> None:
    """Servers see the proxy's own words only."""
    spoofed = {
        "X-Forwarded-For": "6.6.6.6",
        "X-Forwarded-Host": "evil.test",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Prefix": "/evil",
        "X_Forwarded_For": "6.6.6.6",
        "Forwarded": "for=6.6.6.6",
        "X-Real-IP": "6.6.6.6",
        "X-Scheme": "https",
    }
    seen: dict[str, Any] = json.loads(served.get("/hub/", headers=spoofed).body)
    headers = {name.lower(): value for name, value in seen["headers"]}
    assert "6.6.6.6" not in str(seen)
    assert "evil" not in str(seen)
    assert (headers["x-forwarded-for"], headers["x-forwarded-proto"]) == ("127.0.0.1", "http")
    assert (headers["x-forwarded-host"], "x-scheme" in headers) == ("ocean.localhost", False)


def test_a_request_is_not_smuggled_behind_another(served: Proxy) -> None:
    """With both lengths given, what follows the chunked body is no request that a server sees."""
    smuggled = b"GET /user/bob/secret HTTP/1.1\r\nHost: ocean.localhost\r\nX: "
    request = (
        b"POST /user/alice/ HTTP/1.1\r\nHost: ocean.localhost\r\nContent-Length: %d\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % (5 + len(smuggled))
    )
    answer = raw(served.port, request + smuggled, timeout_s=1)
    assert answer.count(b"HTTP/1.1") <= 2
    assert b"/user/bob/secret" not in answer
    garbled = raw(
        served.port,
        b"POST /user/alice/ HTTP/1.1\r\nHost: ocean.localhost\r\nTransfer-Encoding: xchunked\r\n"
        b"Content-Length: 3\r\n\r\nabc",
        timeout_s=1,
    )
    assert status(garbled) in {400, 422, 501}
    twice = b"POST / HTTP/1.1\r\nHost: ocean.localhost\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde"
    assert status(raw(served.port, twice, timeout_s=1)) == 400


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
def test_methods_for_proxies_are_refused(served: Proxy, method: str) -> None:
    """They are for machines between, and leak headers."""
    answer = raw(served.port, f"{method} /user/alice/ HTTP/1.1\r\nHost: ocean.localhost\r\n\r\n".encode(), timeout_s=1)
    assert status(answer) in {400, 405}


def test_servers_reach_only_their_own_hub_by_the_internal_address(served: Proxy) -> None:
    """`/hub/` of their hub, and neither servers nor other hubs, whatever host they name."""
    port = served.settings.hubs[0].internal.port  # type: ignore[union-attr]
    assert json.loads(ask(port, "/hub/api/user").body)["name"] == "hub"
    assert json.loads(ask(port, "/hub/api/user", host="coast.localhost").body)["name"] == "hub"
    for path in ("/user/alice/", "/", "/hub", "/services/x/", "/hubx/"):
        assert ask(port, path).status == 404, path
    assert ask(port, "/hub/../user/alice/").status == 400


def test_websockets_pass(served: Proxy) -> None:
    """An upgraded connection carries bytes both ways."""
    echo = EchoServer()
    served.add("/user/carol", f"http://127.0.0.1:{echo.port}", user="carol")
    with open_websocket(served.port, "ocean.localhost", "/user/carol/ws") as websocket:
        assert websocket.echo(b"hello") == b"hello"
    echo.close()


def test_a_dead_servers_page_is_the_hubs(served: Proxy, make_upstream: MakeUpstream) -> None:
    """A browser is sent to the hub's page that says why; a program gets 503; a server can't fake it."""
    dead = make_upstream("dead")
    served.add("/user/dead", dead.url, user="dead")
    dead.close()
    page = served.get("/user/dead/lab?a=b", host="ocean.localhost:8000", headers={"Accept": "text/html,*/*"})
    assert (page.status, page.headers["location"]) == (302, "http://ocean.localhost:8000/hub/user/dead/lab?a=b")
    assert "x-hubfleet-gone" not in page.headers
    assert served.get("/user/dead/api/contents", headers={"Accept": "application/json"}).status == 503
    assert served.get("/user/dead/lab", headers={"Accept": "text/html"}, method="POST").status == 503


def test_a_hub_that_was_never_there_gets_a_page(make_proxy: MakeProxy) -> None:
    """A known hub without a route is a hub that starts, not a wrong address."""
    proxy = make_proxy()
    answer = proxy.get("/")
    assert (answer.status, "The hub is taking a break" in answer.text) == (503, True)
    assert answer.headers["retry-after"] == "10"


def test_user_subdomains_are_their_own(make_proxy: MakeProxy, make_upstream: MakeUpstream) -> None:
    """With user subdomains a server is reached at its own host only, and the hub answers for stopped ones."""
    proxy = make_proxy(each={"user_subdomains": True})
    proxy.add("/", make_upstream("hub").url)
    alice = make_upstream("alice")
    proxy.add("/alice.ocean.localhost/user/alice", alice.url, user="alice")
    proxy.add("/ocean.localhost/services/portal", make_upstream("portal").url, service="portal")
    assert reached(proxy, "/user/alice/", "alice.ocean.localhost") == (200, "alice")
    assert reached(proxy, "/user/alice/", "ocean.localhost") == (200, "hub")
    assert reached(proxy, "/user/alice/", "bob.ocean.localhost") == (200, "hub")
    assert reached(proxy, "/services/portal/", "alice.ocean.localhost") == (200, "hub")
    assert reached(proxy, "/services/portal/", "ocean.localhost") == (200, "portal")
    assert reached(proxy, "/", "a.b.ocean.localhost") == (404, "")
    alice.close()
    gone = proxy.get("/user/alice/lab", host="alice.ocean.localhost:8000", headers={"Accept": "text/html"})
    assert gone.headers["location"] == "http://ocean.localhost:8000/hub/user/alice/lab"
