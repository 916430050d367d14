"""Two people of one hub with real servers: what one has in hand opens and changes nothing of the other's."""

import json
import os
import re
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest

from machines import Machine, machine, up
from people import Member, member
from programs import Answer, ask, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("machine")]

HUB = "sign_in: {with: shared-password}\nallow: {everyone: true}\nadmins: [ada]\nnamed_servers: 1\n"
HTML = "<img/src=x/onerror=alert(1)>"
WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.fixture(scope="module")
def fleet() -> Iterator[Machine]:
    """One hub, up."""
    with machine({"hubs/ocean.yaml": HUB}) as made, up(made):
        yield made


@pytest.fixture(scope="module")
def pair(fleet: Machine) -> Iterator[tuple[Member, Member]]:
    """Ann and Bob, both with a running server."""
    people = (member(fleet, "ann"), member(fleet, "bob"))
    for person in people:
        person.start()
    yield people
    for person in people:
        person.stop()


def with_token(fleet: Machine, token: str, method: str, path: str, body: object = None) -> Answer:
    """Call the hub with a token."""
    headers = {"Authorization": f"token {token}", "Content-Type": "application/json"}
    raw = json.dumps(body) if body is not None else None
    host = f"ocean.localhost:{fleet.port}"
    return ask(fleet.port, f"/hub/api{path}", host=host, method=method, headers=headers, body=raw)


OF_BOB = [
    ("GET", "/users/bob"),
    ("GET", "/users/bob/server/progress"),
    ("GET", "/users/bob/tokens"),
    ("POST", "/users/bob/tokens"),
    ("POST", "/users/bob/server"),
    ("POST", "/users/bob/activity"),
    ("PATCH", "/users/bob"),
    ("DELETE", "/users/bob/server"),
    ("DELETE", "/users/bob"),
]


@pytest.mark.parametrize(("method", "path"), OF_BOB)
@pytest.mark.parametrize("hand", ["server", "person"])
def test_one_persons_token_reaches_nothing_of_anothers(
    fleet: Machine, pair: tuple[Member, Member], hand: str, method: str, path: str
) -> None:
    """Neither events nor tokens, start, stop nor settings: with a server's token as with the person's own right."""
    ann, bob = pair
    before = bob.server()
    if hand == "server":
        answer = with_token(fleet, ann.token_of_server(), method, path, {} if method in {"POST", "PATCH"} else None)
    else:
        answer = ann.call(method, path, {} if method in {"POST", "PATCH"} else None)
    assert answer.status in {403, 404}, answer.text
    assert bob.server()["started"] == before["started"]


@pytest.mark.parametrize("path", ["api/contents", "api/kernels", "lab", "api/status"])
def test_one_persons_token_opens_no_server_of_anothers(fleet: Machine, pair: tuple[Member, Member], path: str) -> None:
    """Bob's own server refuses Ann's token, and takes Bob's."""
    statuses = [
        fleet.get("bob.ocean.localhost", f"/user/bob/{path}", token=person.token_of_server()).status for person in pair
    ]
    assert statuses == [403, 200]


@pytest.mark.parametrize("who", ["nobody", "ann"])
def test_no_websocket_without_the_right_to_the_server(fleet: Machine, pair: tuple[Member, Member], who: str) -> None:
    """A kernel's or terminal's websocket is refused before the upgrade; its owner's is not."""
    ann, bob = pair
    host = f"bob.ocean.localhost:{fleet.port}"
    mine = {"Authorization": f"token {bob.token_of_server()}"}
    kernel = json.loads(
        ask(fleet.port, "/user/bob/api/kernels", host=host, method="POST", headers=mine, body="{}").body
    )
    given = {} if who == "nobody" else {"Authorization": f"token {ann.token_of_server()}"}
    path = f"/user/bob/api/kernels/{kernel['id']}/channels"
    for tried in (path, "/user/bob/terminals/websocket/1"):
        assert ask(fleet.port, tried, host=host, headers={**WEBSOCKET, **given}).status == 403
    assert ask(fleet.port, path, host=host, headers={**WEBSOCKET, **mine}).status == 101


def test_a_servers_token_sets_nothing_of_its_spawner(fleet: Machine, pair: tuple[Member, Member]) -> None:
    """It tells activity and no more: neither options nor state, rights or another server come with it."""
    ann, _ = pair
    token = ann.token_of_server()
    before = ann.server()
    evil = {"user_options": {"profile": "evil", "cluster": "evil"}, "state": {"cluster": "evil", "cmd": "id"}}
    now = "2026-01-01T00:00:00Z"
    told = {"last_activity": now, "servers": {"": {"last_activity": now, **evil}}, **evil}
    assert with_token(fleet, token, "POST", "/users/ann/activity", told).status == 200
    for method, path in (
        ("POST", "/users/ann/server"),
        ("POST", "/users/ann/servers/more"),
        ("PATCH", "/users/ann"),
        ("POST", "/users/ann/tokens"),
    ):
        assert with_token(fleet, token, method, path, {"admin": True, **evil}).status in {403, 404}, path
    after = ann.server()
    assert {key: after[key] for key in ("started", "user_options", "url")} == {
        key: before[key] for key in ("started", "user_options", "url")
    }


def test_a_servers_token_is_no_signature(fleet: Machine, pair: tuple[Member, Member]) -> None:
    """The agent itself refuses it, even from whoever could reach its socket."""
    token = pair[0].token_of_server()
    transport = httpx.HTTPTransport(uds=str(fleet.data / "run/agent-here.sock"))
    with httpx.Client(transport=transport, base_url="http://agent") as agent:
        for scheme in ("token", "Bearer"):
            for method, path in (("GET", "/v1/servers"), ("GET", "/v1/events"), ("POST", "/v1/servers/x/stop")):
                assert agent.request(method, path, headers={"Authorization": f"{scheme} {token}"}).status_code == 401


@pytest.mark.parametrize("mode", ["navigate", "no-cors", "cors", ""])
def test_a_post_without_the_pages_own_mark_is_refused(fleet: Machine, mode: str) -> None:
    """A form that another page sends with the person's cookies starts nothing, whatever it says of its mode."""
    cyd = member(fleet, "cyd")
    headers = {"Sec-Fetch-Mode": mode, "Sec-Fetch-Site": "cross-site"} if mode else {}
    assert cyd.ask("POST", "/hub/spawn", form={"profile": "standard"}, **headers).status == 403
    for path in ("/users/cyd/server", "/users/cyd/tokens"):
        # a page elsewhere may send no other kind of body without asking first
        sent = {"Content-Type": "text/plain", **headers}
        assert cyd.ask("POST", f"/hub/api{path}", body="{}", **sent).status == 403, path
    assert cyd.server() == {}


def test_html_in_a_failed_starts_reason_is_text(fleet: Machine) -> None:
    """A reason that a server's own log dictates is shown on pages as it is written."""
    dan = member(fleet, "dan")
    dan.start()
    dan.stop()
    home = next((fleet.data / "agents/here/homes/ocean").glob("dan-*"))
    settings = home / ".jupyter" / "jupyter_server_config.py"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text(f"raise SystemExit(\"PermissionError: [Errno 13] Permission denied: '{HTML}'\")\n")
    for path in (settings.parent, settings):
        os.chown(path, home.stat().st_uid, home.stat().st_gid)
    form = {"profile": "standard", "_xsrf": dan.cookies["_xsrf"]}
    dan.ask("POST", "/hub/spawn", form=form)
    page = "/hub/spawn-pending/dan"
    wait_for("the failure", lambda: "The server may not use" in dan.ask("GET", page).text, every_s=0.2)
    assert "&lt;img/src=x/onerror=alert(1)&gt;" in dan.ask("GET", page).text
    assert HTML not in dan.ask("GET", page).text + dan.ask("GET", "/hub/home").text


def test_html_in_a_choice_is_text(fleet: Machine) -> None:
    """A refused choice is quoted on the page without becoming a part of it."""
    eve = member(fleet, "eve")
    eve.ask("GET", "/hub/spawn")
    page = eve.ask("POST", "/hub/spawn", form={"profile": HTML, "_xsrf": eve.cookies["_xsrf"]})
    assert HTML not in page.text
    linked = eve.ask("GET", f"/hub/spawn?profile={quote(HTML)}&{quote(HTML)}=1")
    assert linked.status == 200
    assert HTML not in linked.text


def test_deleting_a_person_ends_server_and_tokens(fleet: Machine) -> None:
    """Who is deleted by an admin has no server and no right any more."""
    ada, fay = member(fleet, "ada", admin=True), member(fleet, "fay")
    fay.start()
    token = fay.token_of_server()
    assert fay.processes_of_server()
    assert with_token(fleet, token, "GET", "/user").status == 200
    assert ada.call("DELETE", "/users/fay").status == 204
    assert with_token(fleet, token, "GET", "/user").status == 403
    wait_for("no server", lambda: not re.findall("fay", fleet.run("status", "--json").stdout), timeout_s=30)
    wait_for("its end", lambda: not fay.processes_of_server(), timeout_s=30)


def test_servers_that_are_stopped_stand_in_nobodys_way(pair: tuple[Member, Member]) -> None:
    """As many as the file says run at once beside the default one; the next one needs no name to be deleted."""
    ann, _ = pair

    def servers() -> dict[str, dict[str, object]]:
        return dict(json.loads(ann.call("GET", "/users/ann").text)["servers"])

    def start(name: str) -> Answer:
        return ann.call("POST", f"/users/ann/servers/{name}", {})

    assert start("tides").status in {201, 202}
    refused = start("waves")
    assert refused.status == 429
    assert "already, as many as this hub allows: tides. Stop one of them" in json.loads(refused.text)["message"]
    ann.call("DELETE", "/users/ann/servers/tides")
    wait_for("its end", lambda: "tides" not in servers(), timeout_s=60, every_s=0.1)
    assert start("waves").status in {201, 202}
    assert "additional\n        1\n" in ann.ask("GET", "/hub/home").text
    ann.call("DELETE", "/users/ann/servers/waves")
    wait_for("its end", lambda: set(servers()) == {""}, timeout_s=60, every_s=0.1)
