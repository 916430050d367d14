"""A provider that speaks the documented endpoints of GitHub, Google and CILogon, which tests cannot reach.

https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps and the REST API below /api/v3,
https://developers.google.com/identity/protocols/oauth2/web-server, https://www.cilogon.org/oidc.
"""

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

AUTHORIZE = {"/login/oauth/authorize", "/o/oauth2/v2/auth", "/authorize"}
TOKEN = {"/login/oauth/access_token", "/oauth2/v4/token", "/oauth2/token"}
USER = {"/api/v3/user", "/oauth2/v1/userinfo", "/oauth2/userinfo"}


@dataclass
class FakeProvider:
    """Whoever comes is `signs_in`; what it knows of people can be changed at any time."""

    port: int = 0
    signs_in: str = ""
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What the endpoint about a person answers, by person."""
    organizations: dict[str, set[str]] = field(default_factory=dict)
    """Members by organisation, or by `organization/team`."""
    refresh_tokens: bool = False
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    refresh: dict[str, str] = field(default_factory=dict)
    redirects: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def forget_tokens(self) -> None:
        """Let all access tokens run out."""
        self.tokens.clear()

    def new_token(self, person: str) -> dict[str, str]:
        """Answer with a token, and with a refresh token where it gives those."""
        token = secrets.token_urlsafe(8)
        self.tokens[token] = person
        answer = {"access_token": token, "token_type": "bearer", "scope": "read:org"}
        if self.refresh_tokens and person not in self.refresh.values():
            answer["refresh_token"] = secrets.token_urlsafe(8)
            self.refresh[answer["refresh_token"]] = person
        return answer


class _Pages(BaseHTTPRequestHandler):
    fake: FakeProvider

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in http.server
        """Say nothing."""

    def answer(self, status: int, body: Any = None, **headers: str) -> None:
        text = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(text))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self) -> None:
        path = urlsplit(self.path)
        if path.path in AUTHORIZE:
            asked = {key: values[0] for key, values in parse_qs(path.query).items()}
            code = secrets.token_urlsafe(8)
            self.fake.codes[code] = {**asked, "person": self.fake.signs_in}
            self.fake.redirects.append(asked)
            query = urlencode({"code": code, "state": asked["state"]})
            self.answer(302, Location=f"{asked['redirect_uri']}?{query}")
            return
        person = self.fake.tokens.get(self.headers.get("Authorization", "").partition(" ")[2])
        if person is None:
            self.answer(401, {"message": "Bad credentials"})
        elif path.path in USER:
            self.answer(200, self.fake.people[person])
        elif path.path == "/api/v3/user/teams":
            teams = [name.split("/") for name, members in self.fake.organizations.items() if person in members]
            self.answer(
                200, [{"slug": team[1], "organization": {"login": team[0]}} for team in teams if len(team) == 2]
            )
        else:
            parts = path.path.removeprefix("/api/v3/orgs/").replace("/teams/", "/").split("/members/")
            member = len(parts) == 2 and parts[1] in self.fake.organizations.get(parts[0], set())
            self.answer(204 if member else 404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {key: values[0] for key, values in parse_qs(body).items()}
        if self.path not in TOKEN or form.get("client_secret") != "client-secret-of-the-test":
            self.answer(401, {"error": "invalid_client"})
        elif form["grant_type"] == "refresh_token":
            person = self.fake.refresh.get(form["refresh_token"])
            self.answer(200, self.fake.new_token(person)) if person else self.answer(400, {"error": "invalid_grant"})
        else:
            asked = self.fake.codes.pop(form["code"], {})
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
            if asked.get("code_challenge") != challenge or asked["redirect_uri"] != form["redirect_uri"]:
                self.answer(400, {"error": "invalid_grant"})
            else:
                self.answer(200, self.fake.new_token(asked["person"]))


@contextmanager
def provider() -> Iterator[FakeProvider]:
    """Yield a provider that listens on loopback."""
    fake = FakeProvider()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Pages", (_Pages,), {"fake": fake}))
    fake.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
