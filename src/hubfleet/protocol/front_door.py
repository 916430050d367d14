"""A hub as seen from outside, through its front door: what a browser would reach, dialled without DNS.

Names below `.localhost` are for browsers, and a hub's public name may lead past this machine: so each connection goes
to the front door's own address with the name in Host header and TLS. From elsewhere a hub is reached `at` its address,
whose certificate must then be right.
"""

import asyncio
import json
import ssl
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from pydantic import ValidationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from hubfleet.errors import ConfigError, ProtocolError, RefusedError, UnreachableError
from hubfleet.protocol.messages import Problem

_ON_THIS_MACHINE = frozenset({"127.0.0.1", "::1"})
_PORTS = {"http": 80, "https": 443}
_ENDS_OF_KERNELS = frozenset({"restarting", "dead"})


@dataclass(frozen=True)
class FrontDoor:
    """One hub's address and where it is dialled."""

    url: str
    """Scheme, host and port as browsers see it."""
    host: str
    dial: tuple[str, int]
    """Address and port."""
    verified: bool = False
    """Whether the certificate must be right; not needed where the address is this machine's own."""

    @classmethod
    def at(cls, url: str) -> Self:
        """Return the front door of a hub somewhere else, by the address that browsers use.

        Raises:
            ConfigError: it is none, or a token would go through a network in the clear.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            host, port, parts = "", None, urlsplit("")
        if parts.scheme not in _PORTS or not host:
            raise ConfigError(f"{url[:100]!r} is no hub's address", hint="such as https://ocean.example.org")
        named_here = host == "localhost" or host.endswith(".localhost")
        here = named_here or host in _ON_THIS_MACHINE
        if parts.scheme == "http" and not here:
            raise ConfigError(f"a token would go to {host} in the clear", hint="give the hub's https address")
        dial = ("127.0.0.1" if named_here else host, port or _PORTS[parts.scheme])
        return cls(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", host, dial, verified=not here)

    def get(self, path: str, *, token: str = "", host: str = "") -> httpx.Response:
        """GET a path; errors below 500 are answers too."""
        return self._send("GET", path, token=token, host=host)

    def call(
        self,
        method: str,
        path: str,
        *,
        token: str,
        body: Mapping[str, Any] | None = None,
        host: str = "",
        if_match: str = "",
    ) -> Any:
        """Call JupyterHub's, a server's or the portal's REST API; return the answer's JSON, or None where it has none.

        Raises:
            RefusedError: it answered 400 or above.
            UnreachableError: nothing answered.
        """
        answer = self._send(method, path, token=token, body=body, host=host, if_match=if_match)
        if answer.status_code >= 400:
            raise _refusal(f"{method} {path}", answer)
        return answer.json() if answer.content and "json" in answer.headers.get("content-type", "") else None

    def tagged(self, path: str, *, token: str) -> tuple[Any, str]:
        """GET a path of a REST API; return the answer's JSON and its ETag.

        Raises:
            RefusedError: it answered 400 or above.
            UnreachableError: nothing answered.
        """
        answer = self._send("GET", path, token=token)
        if answer.status_code >= 400:
            raise _refusal(f"GET {path}", answer)
        return answer.json(), answer.headers.get("etag", "")

    def events(self, path: str, *, token: str) -> Iterator[dict[str, Any]]:
        """Yield the data of server-sent events up to the end of the stream.

        Raises:
            RefusedError: it answered 400 or above.
            UnreachableError: nothing answered, or the line broke.
        """
        url, headers, extensions = self._target(path, token, "")
        limits = httpx.Timeout(30.0, read=60.0)
        try:
            with (
                httpx.Client(verify=self._verify, timeout=limits, trust_env=False) as client,
                client.stream("GET", url, headers=headers, extensions=extensions) as answer,
            ):
                if answer.status_code >= 400:
                    answer.read()
                    raise _refusal(f"GET {path}", answer)
                for line in answer.iter_lines():
                    if line.startswith("data:"):
                        yield json.loads(line.removeprefix("data:"))
        except httpx.HTTPError as error:
            raise UnreachableError(f"{self.url}{path} does not answer ({type(error).__name__})") from error

    def execute(
        self, path: str, code: str, *, token: str, host: str = "", timeout_s: float = 60.0
    ) -> list[dict[str, Any]]:
        """Run code in a kernel and return its outputs, as a notebook would keep them.

        Args:
            path: of the kernel's channels, such as `/user/x/api/kernels/ID/channels`.
            code: one cell.
            token: one that may use the server.
            host: of the server, where it is not the hub's.
            timeout_s: for the whole run.

        Raises:
            ProtocolError: the kernel does not answer, or not as a kernel.
        """
        try:
            return asyncio.run(asyncio.wait_for(self._in_kernel(path, code, token, host), timeout_s))
        except (OSError, WebSocketException, TimeoutError, ValueError) as error:
            reason = str(error) or f"no answer in {timeout_s:g} s"
            raise ProtocolError(
                f"the kernel at {path} does not run code: {reason}", hint="start a server there and run a cell by hand"
            ) from error

    async def _in_kernel(self, path: str, code: str, token: str, host: str) -> list[dict[str, Any]]:
        """Run code over one channel. One thread does it all: OpenSSL's connections do not bear two at once."""
        secure = self.url.startswith("https")
        address, port = self.dial
        async with connect(
            f"{'wss' if secure else 'ws'}://{host or self._netloc}{path}",
            host=address,
            port=port,
            proxy=None,
            ssl=self._tls() if secure else None,
            additional_headers=_token(token),
            max_size=20_000_000,
            # a server answers the handshake when the kernel does; one limit holds for all of it
            open_timeout=None,
        ) as channel:
            request = _execute_request(code)
            await channel.send(json.dumps(request))
            return await _outputs(channel, request["header"]["msg_id"])

    @property
    def _netloc(self) -> str:
        return urlsplit(self.url).netloc

    @property
    def _verify(self) -> ssl.SSLContext | bool:
        return self._tls() if self.url.startswith("https") else True

    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context() if self.verified else _trusting()

    def _target(self, path: str, token: str, host: str) -> tuple[str, dict[str, str], dict[str, Any]]:
        """Return the address to dial, and the headers and TLS name by which it is the hub's."""
        address, port = self.dial
        netloc = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        headers = {"Host": host or self._netloc, **_token(token)}
        extensions = {"sni_hostname": (host or self.host).partition(":")[0]}
        return f"{urlsplit(self.url).scheme}://{netloc}{path}", headers, extensions

    def _send(
        self,
        method: str,
        path: str,
        *,
        token: str,
        body: Mapping[str, Any] | None = None,
        host: str = "",
        if_match: str = "",
    ) -> httpx.Response:
        url, headers, extensions = self._target(path, token, host)
        if if_match:
            headers["If-Match"] = if_match
        try:
            with httpx.Client(verify=self._verify, timeout=30, trust_env=False) as client:
                return client.request(method, url, headers=headers, json=body, extensions=extensions)
        except httpx.HTTPError as error:
            raise UnreachableError(f"{self.url}{path} does not answer ({type(error).__name__})") from error


def _refusal(asked: str, answer: httpx.Response) -> RefusedError:
    """Return why something was refused: in the portal's own words, or as it was answered."""
    try:
        problem = Problem.model_validate_json(answer.text)
    except ValidationError:
        text = f"{asked} was answered with {answer.status_code}: {answer.text[:300]}"
        return RefusedError(text, status=answer.status_code)
    return RefusedError(problem.detail or problem.title, status=answer.status_code, hint=problem.hint)


def _trusting() -> ssl.SSLContext:
    """Trust whatever certificate the front door shows: it is reached by its address on this machine."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _token(token: str) -> dict[str, str]:
    return {"Authorization": f"token {token}"} if token else {}


def _execute_request(code: str) -> dict[str, Any]:
    """Return an execute_request (https://jupyter-client.readthedocs.io/en/stable/messaging.html#execute)."""
    header = {
        "msg_id": uuid.uuid4().hex,
        "username": "hubfleet",
        "session": uuid.uuid4().hex,
        "date": datetime.now(UTC).isoformat(),
        "msg_type": "execute_request",
        "version": "5.3",
    }
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
    return {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}


async def _outputs(channel: ClientConnection, request: str) -> list[dict[str, Any]]:
    outputs: list[dict[str, Any]] = []
    while True:
        message = json.loads(await channel.recv())
        if message["header"]["msg_type"] == "status" and message["content"]["execution_state"] in _ENDS_OF_KERNELS:
            raise ValueError("it died, perhaps since it used more memory than it may")
        if message.get("parent_header", {}).get("msg_id") != request:
            continue
        kind, content = message["header"]["msg_type"], message["content"]
        if kind in {"stream", "display_data", "execute_result", "error"}:
            outputs.append({"output_type": kind, **content})
        elif kind == "status" and content["execution_state"] == "idle":
            return outputs
