"""A hub to measure, whichever it is: people are added and servers started through its REST API, as an admin."""

import http.client
import json
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from programs import Answer, ask, wait_for

TOKEN = "benchmark-token-0123456789abcdef"
SCOPES = ("admin:users", "admin:servers", "access:servers", "access:services", "tokens", "list:users", "read:servers")
START_S = 300.0


@dataclass(frozen=True)
class Hub:
    """A hub behind its proxy."""

    name: str
    port: int
    host: str

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"token {TOKEN}", "Content-Type": "application/json"}

    def get(self, path: str, *, timeout_s: float = 60) -> Answer:
        """GET a path of the front door."""
        return ask(self.port, path, host=self.host, headers=self.headers, timeout_s=timeout_s)

    def call(self, method: str, path: str, body: object = None) -> Answer:
        """Call the REST API."""
        raw = None if body is None else json.dumps(body)
        return ask(
            self.port, f"/hub/api{path}", host=self.host, method=method, headers=self.headers, body=raw, timeout_s=60
        )

    def send(self, method: str, path: str, body: object) -> Answer:
        """Call another API of the front door."""
        return ask(
            self.port, path, host=self.host, method=method, headers=self.headers, body=json.dumps(body), timeout_s=330
        )

    def add(self, people: Iterable[str]) -> list[str]:
        """Add people."""
        names = list(people)
        answer = self.call("POST", "/users", {"usernames": names})
        assert answer.status == 201, answer.text
        return names

    def start(self, person: str, *, path: str = "lab", options: Mapping[str, str] | None = None) -> float:
        """Start a server; return the seconds until it answers 200 at a path through the proxy."""
        began = time.perf_counter()
        answer = self.call("POST", f"/users/{person}/server", dict(options or {}))
        assert answer.status in {201, 202}, answer.text
        if answer.status == 202:
            self._follow(person)
        wait_for(f"/{path} of {person}", lambda: self.get(f"/user/{person}/{path}").status == 200, timeout_s=START_S)
        return time.perf_counter() - began

    def start_all(self, people: Iterable[str], *, at_once: int, path: str = "lab") -> list[float]:
        """Start many; return the seconds of each."""
        with ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(lambda person: self.start(person, path=path), people))

    def stop_all(self, people: Iterable[str]) -> None:
        """Stop servers and wait until they are gone."""
        for person in people:
            assert self.call("DELETE", f"/users/{person}/server").status in {202, 204, 404}
            wait_for(f"the end of {person}", lambda who=person: not self.servers(who), timeout_s=60, every_s=0.1)

    def servers(self, person: str) -> dict[str, dict[str, object]]:
        """Return a person's servers."""
        found: dict[str, dict[str, object]] = json.loads(self.call("GET", f"/users/{person}").text)["servers"]
        return found

    def ready(self) -> int:
        """Return how many servers are ready; 0 where the hub does not answer."""
        answer = self.call("GET", "/users?state=ready&limit=1000")
        return len(json.loads(answer.text)) if answer.status == 200 else 0

    def _follow(self, person: str) -> None:
        """Follow the progress of a start to its end, as the page of a waiting person does."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_S)
        try:
            path = f"/hub/api/users/{person}/server/progress"
            connection.request("GET", path, headers={**self.headers, "Host": self.host})
            answer = connection.getresponse()
            for line in answer:
                event = json.loads(line.removeprefix(b"data:")) if line.startswith(b"data:") else {}
                assert not event.get("failed"), event
                if event.get("ready"):
                    return
        finally:
            connection.close()
