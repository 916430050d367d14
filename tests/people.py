"""People of a real hub without a browser: cookies, forms, and the REST API as the hub's own pages call it."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from hubfleet.protocol.front_door import FrontDoor
from machines import Machine
from programs import Answer, ask, wait_for


@dataclass
class Member:
    """Somebody who has signed in by the hub's form."""

    fleet: Machine
    name: str
    hub: str = "ocean"
    cookies: dict[str, str] = field(default_factory=dict)
    _tokens: dict[str, str] = field(default_factory=dict)
    """Of the own server, by when it started."""

    def ask(
        self, method: str, path: str, *, form: Mapping[str, str] | None = None, body: str | None = None, **headers: str
    ) -> Answer:
        """Send a request to the hub as the browser would."""
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()), **headers}
        if form is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(form)
        host = f"{self.hub}.localhost:{self.fleet.port}"
        answer = ask(self.fleet.port, path, host=host, method=method, headers=sent, body=body)
        for cookie in answer.cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    def sign_in(self, password: str) -> None:
        """Fill in the form."""
        self.ask("GET", "/hub/login")
        form = {"username": self.name, "password": password, "_xsrf": self.cookies["_xsrf"]}
        assert self.ask("POST", "/hub/login", form=form).status == 302
        assert self.ask("GET", "/hub/home").status == 200

    def call(self, method: str, path: str, body: object = None) -> Answer:
        """Call the REST API with the cookie, as the hub's own pages do."""
        headers = {"Content-Type": "application/json", "X-XSRFToken": self.cookies["_xsrf"]}
        raw = json.dumps(body) if body is not None else None
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        host = f"{self.hub}.localhost:{self.fleet.port}"
        headers |= {"Cookie": cookie, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
        return ask(self.fleet.port, f"/hub/api{path}", host=host, method=method, headers=headers, body=raw)

    def server(self) -> dict[str, object]:
        """Return what the hub says of the own server; empty where there is none."""
        found = json.loads(self.call("GET", f"/users/{self.name}").text)
        return dict(found["servers"].get("") or {})

    def start(self) -> None:
        """Start the own server and wait until it is ready."""
        answer = self.call("POST", f"/users/{self.name}/server", {})
        assert answer.status in {201, 202}, answer.text
        wait_for("the server", lambda: self.server().get("ready"), timeout_s=90, every_s=0.1)

    def stop(self) -> None:
        """Stop the own server and wait for its end."""
        self.call("DELETE", f"/users/{self.name}/server")
        wait_for("its end", lambda: not self.server(), timeout_s=60, every_s=0.1)

    def token_of_server(self) -> str:
        """Return the token that the own server's code has in hand, as a cell of a notebook prints it."""
        started = str(self.server()["started"])
        if started not in self._tokens:
            own = json.loads(self.call("POST", f"/users/{self.name}/tokens", {"expires_in": 300}).text)["token"]
            self._tokens[started] = token_of_server(self.fleet, self.hub, self.name, own)
        return self._tokens[started]

    def processes_of_server(self) -> list[str]:
        """Return the ids of the processes that see the own home."""
        [home] = (self.fleet.data / "agents/here/homes" / self.hub).glob(f"{self.name}-*")
        found = []
        for path in Path("/proc").glob("[0-9]*/mountinfo"):
            with suppress(OSError):
                if f"/{home.name} " in path.read_text():
                    found.append(path.parent.name)
        return found


def token_of_server(fleet: Machine, hub: str, person: str, own: str) -> str:
    """Return the token that the code of somebody's server has in hand, as a cell prints it; `own` opens the server."""
    door, there = FrontDoor.at(f"http://{hub}.localhost:{fleet.port}"), f"{person}.{hub}.localhost:{fleet.port}"
    kernels = f"/user/{person}/api/kernels"
    kernel = door.call("POST", kernels, token=own, body={}, host=there)["id"]
    code = "import os; print(os.environ['JUPYTERHUB_API_TOKEN'])"
    [said] = door.execute(f"{kernels}/{kernel}/channels", code, token=own, host=there)
    return str(said["text"]).strip()


def member(fleet: Machine, name: str, *, admin: bool = False, hub: str = "ocean") -> Member:
    """Sign somebody in."""
    person = Member(fleet, name, hub)
    person.sign_in(fleet.secret(hub, "admin-password" if admin else "shared-password"))
    return person
