"""Callers of `/build` without a sign-in, as programs and other sites' pages are."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from machines import Machine
from programs import Answer, ask

STREAM = {"Accept": "text/event-stream"}


@dataclass
class Told:
    """What a stream said up to its last event."""

    phases: list[dict[str, Any]]
    headers: Mapping[str, str]

    @property
    def last(self) -> dict[str, Any]:
        """The event after which clients close."""
        return self.phases[-1]


def build(fleet: Machine, repository: str, *, hub: str = "ocean", ref: str = "main", **headers: str) -> Told:
    """Ask for a repository, and read up to `ready` or `failed`."""
    path = f"/services/binder/build/git/{quote(repository, safe='')}/{ref}"
    connection = http.client.HTTPConnection("127.0.0.1", fleet.port, timeout=120)
    try:
        connection.request("GET", path, headers={"Host": f"{hub}.localhost:{fleet.port}", **STREAM, **headers})
        answer = connection.getresponse()
        told = Told([], {name.lower(): value for name, value in answer.getheaders()})
        assert answer.status == 200, answer.read()
        for raw in answer:
            line = raw.decode().strip()
            if line.startswith("data: "):
                told.phases.append(json.loads(line.removeprefix("data: ")))
                if told.last["phase"] in {"ready", "failed"}:
                    break
        return told
    finally:
        connection.close()


def server(fleet: Machine, ready: Mapping[str, Any], path: str, *, method: str = "GET", **headers: str) -> Answer:
    """Send a request to a server of which `ready` told, with its token unless the headers hold another."""
    address = urlsplit(str(ready["url"]))
    sent = {"Authorization": f"token {ready['token']}", **headers}
    return ask(fleet.port, f"{address.path}{path}", host=address.netloc, method=method, headers=sent)
