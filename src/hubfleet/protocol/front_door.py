"""A hub as seen from outside, through its front door: what a browser would reach, dialled without DNS.

Names below `.localhost` are for browsers, and a hub's public name may lead past this machine: so each connection goes
to the front door's own address with the name in Host header and TLS.
"""

import asyncio
import json
import ssl
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from hubfleet.errors import ProtocolError, RefusedError, UnreachableError


@dataclass(frozen=True)
class FrontDoor:
    """One hub's address and where it is dialled."""

    url: str
    """Scheme, host and port as browsers see it."""
    host: str
    dial: tuple[str, int]
    """Address and port."""

    def get(self, path: str, *, token: str = "", host: str = "") -> httpx.Response:
        """GET a path; errors below 500 are answers too."""
        return self._send("GET", path, token=token, host=host)

    def call(self, method: str, path: str, *, token: str, body: Mapping[str, Any] | None = None, host: str = "") -> Any:
        """Call JupyterHub's or a server's REST API; return the answer's JSON, or None where it has none.

        Raises:
            RefusedError: it answered 400 or above.
            UnreachableError: nothing answered.
        """
        answer = self._send(method, path, token=token, body=body, host=host)
        if answer.status_code >= 400:
            raise RefusedError(
                f"{method} {path} was answered with {answer.status_code}: {answer.text[:300]}",
                status=answer.status_code,
            )
        return answer.json() if answer.content and "json" in answer.headers.get("content-type", "") else None

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
            ssl=_trusting() if secure else None,
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

    def _send(
        self, method: str, path: str, *, token: str, body: Mapping[str, Any] | None = None, host: str = ""
    ) -> httpx.Response:
        scheme = urlsplit(self.url).scheme
        address, port = self.dial
        netloc = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        headers = {"Host": host or self._netloc, **_token(token)}
        extensions = {"sni_hostname": (host or self.host).partition(":")[0]}
        try:
            verify = _trusting() if scheme == "https" else True
            with httpx.Client(verify=verify, timeout=30, trust_env=False) as client:
                return client.request(
                    method, f"{scheme}://{netloc}{path}", headers=headers, json=body, extensions=extensions
                )
        except httpx.HTTPError as error:
            raise UnreachableError(f"{self.url}{path} does not answer ({type(error).__name__})") from error


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
        if message.get("parent_header", {}).get("msg_id") != request:
            continue
        kind, content = message["header"]["msg_type"], message["content"]
        if kind in {"stream", "display_data", "execute_result", "error"}:
            outputs.append({"output_type": kind, **content})
        elif kind == "status" and content["execution_state"] == "idle":
            return outputs
