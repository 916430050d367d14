"""Calls to a hub's portal from outside go on where an answer was lost, and undo nobody's change."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from hubfleet.errors import ConfigError, RefusedError
from hubfleet.plan.promoting import Promoting
from hubfleet.protocol.front_door import FrontDoor

BUILD = {"id": "b1", "ended": None, "state": "realising"}
READY = {"id": "b1", "ended": "2026-01-01T00:00:00Z", "state": "ready", "digest": "ab" * 32}
PROFILE = "/services/portal/api/profiles/small/environment"
EVENT = 'id: {0}\ndata: {{"seq": {0}, "message": "step {0}"}}\n\n'


class Answers(BaseHTTPRequestHandler):
    """Answers from a list, and keeps what it was asked."""

    answers: list[tuple[int, object, dict[str, str]]]
    asked: list[tuple[str, str, str, str]]

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.asked.append((self.command, self.path, self.headers.get("If-Match", ""), body))
        status, content, headers = self.answers.pop(0)
        raw = (content if isinstance(content, str) else json.dumps(content)).encode()
        kind = "text/event-stream" if isinstance(content, str) else "application/json"
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(raw)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def portal() -> Iterator[type[Answers]]:
    kind = type("Some", (Answers,), {"answers": [], "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    kind.port = server.server_address[1]  # type: ignore[attr-defined]  # of this test's own class
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield kind
    server.shutdown()
    server.server_close()


def promoting(portal: type[Answers], *answers: tuple[int, object] | tuple[int, object, dict[str, str]]) -> Promoting:
    portal.answers.extend((answer[0], answer[1], answer[2] if len(answer) > 2 else {}) for answer in answers)
    return Promoting(FrontDoor.at(f"http://127.0.0.1:{portal.port}"), "t1", pause_s=0)  # type: ignore[attr-defined]


def test_a_build_is_followed_past_a_portal_that_starts_again(portal: type[Answers]) -> None:
    """From the last step that was seen, each of which is told once."""
    told: list[str] = []
    calls = promoting(
        portal,
        (202, BUILD),
        (200, EVENT.format(1)),
        (200, BUILD),
        (503, ""),
        (200, EVENT.format(2)),
        (200, READY),
    )
    assert calls.build({"repository": "x"}, told.append) == READY
    assert [text for text in told if text.startswith("step")] == ["step 1", "step 2"]
    events = [path for _, path, _, _ in portal.asked if "events" in path]
    assert [path.rpartition("=")[2] for path in events] == ["0", "1", "1"]


def test_a_refusal_is_no_reason_to_try_again(portal: type[Answers]) -> None:
    """It is told in the portal's own words, once."""
    problem = {"title": "No", "status": 422, "detail": "give the repository's address", "hint": "such as x"}
    with pytest.raises(RefusedError, match="give the repository's address") as caught:
        promoting(portal, (422, problem)).build({}, lambda _: None)
    assert (caught.value.status, caught.value.hint, len(portal.asked)) == (422, "such as x", 1)


def test_a_promotion_whose_answer_is_lost_is_asked_for_again(portal: type[Answers]) -> None:
    """With the same tag, by which the portal knows whether another came between."""
    calls = promoting(portal, (503, ""), (200, {"changed": False}))
    assert calls.promote("small", "ab", if_tag='"7"') == {"changed": False}
    assert portal.asked == [("POST", PROFILE, '"7"', '{"digest":"ab"}')] * 2


def test_going_back_is_asked_for_once(portal: type[Answers]) -> None:
    """An answer that is lost may have gone back already: twice would be two steps."""
    calls = promoting(portal, (200, {}, {"ETag": '"7"'}), (503, ""))
    with pytest.raises(RefusedError):
        calls.go_back("small")
    assert portal.asked[1:] == [("POST", PROFILE, '"7"', '{"previous":true}')]


@pytest.mark.parametrize(
    "url", ["ocean.example.org", "ftp://x", "http://ocean.example.org", "https://", "http://[", ""]
)
def test_an_address_that_would_leak_a_token_or_is_none_is_refused(url: str) -> None:
    """A token goes to other machines by https alone."""
    with pytest.raises(ConfigError):
        FrontDoor.at(url)


@pytest.mark.parametrize(
    ("url", "dial", "verified"),
    [
        ("https://ocean.example.org", ("ocean.example.org", 443), True),
        ("https://ann:pw@ocean.example.org:8443/hub/", ("ocean.example.org", 8443), True),
        ("http://ocean.localhost:8000/", ("127.0.0.1", 8000), False),
        ("https://notlocalhost", ("notlocalhost", 443), True),
    ],
)
def test_a_hub_elsewhere_must_show_the_right_certificate(url: str, dial: tuple[str, int], verified: bool) -> None:
    """One on this machine is dialled without names, whose certificates say nothing."""
    door = FrontDoor.at(url)
    assert (door.dial, door.verified) == (dial, verified)
    assert "pw" not in door.url
