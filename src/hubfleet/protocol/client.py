"""Calls from one program to another: the only user of httpx.

`.localhost` names are for browsers: `dial` goes to 127.0.0.1 and sends the name in the Host header.
"""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import TypeVar
from urllib.parse import quote, urlencode

import httpx
from pydantic import BaseModel, ValidationError

from hubfleet.errors import ProtocolError, RefusedError, UnreachableError
from hubfleet.protocol.builds import Build, BuildEvent, BuildRequest
from hubfleet.protocol.exports import Export, ExportRequest
from hubfleet.protocol.files import GivenAnswer, GivenFiles, HomeArchive, HomeFolder, Texts, TextsRequest
from hubfleet.protocol.messages import (
    Capabilities,
    Capacity,
    EnvironmentLock,
    EnvironmentState,
    Event,
    Problem,
    Server,
    ServerAnswer,
    ServerList,
    ServerRequest,
    StopReason,
    StopRequest,
)
from hubfleet.protocol.signing import CallerKey, sign

TIMEOUT = httpx.Timeout(10.0, connect=5.0)
FILES_TIMEOUT = httpx.Timeout(150.0, connect=5.0)
"""The agent reads an archive before it answers."""
LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=2.0)
"""Connections are let go long before an agent does it: a request on one that it just closes would be lost."""
MAX_LOG_CHARACTERS = 200_000

AnyMessage = TypeVar("AnyMessage", bound=BaseModel)


def transport_for(address: str) -> tuple[str, httpx.AsyncHTTPTransport]:
    """Return base URL and transport for `unix:/path/of/socket` or `http(s)://…`."""
    if address.startswith("unix:"):
        return "http://agent", httpx.AsyncHTTPTransport(uds=address.removeprefix("unix:"), limits=LIMITS)
    return address.rstrip("/"), httpx.AsyncHTTPTransport(limits=LIMITS)


class AgentClient:
    """Calls one agent as one caller."""

    def __init__(self, address: str, *, cluster: str, key: CallerKey) -> None:
        """Make a client; nothing is dialled yet.

        Args:
            address: `unix:/path` or a URL.
            cluster: the agent's cluster, to which each command is bound.
            key: the caller's own.
        """
        base, transport = transport_for(address)
        self._cluster = cluster
        self._key = key
        self._http = httpx.AsyncClient(base_url=base, transport=transport, timeout=TIMEOUT)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def start_server(self, server: str, request: ServerRequest, *, idempotency_key: str) -> ServerAnswer:
        """Let a server run; the same key may be sent again after a lost answer."""
        body = _open(request)
        return await self._call(
            ServerAnswer, "PUT", f"/v1/servers/{quote(server)}", body, {"Idempotency-Key": idempotency_key}
        )

    async def servers(self, *, since: int = 0) -> ServerList:
        """Return what changed since a number, or all servers (0)."""
        return await self._call(ServerList, "GET", f"/v1/servers?since={since}")

    async def server(self, server: str) -> Server:
        """Return one server."""
        return await self._call(Server, "GET", f"/v1/servers/{quote(server)}")

    async def stop_server(self, server: str, reason: StopReason, *, generation: datetime | None = None) -> Server:
        """Stop a server; answers at once, the end comes as an event."""
        body = StopRequest(reason=reason, generation=generation).model_dump_json().encode()
        return await self._call(Server, "POST", f"/v1/servers/{quote(server)}/stop", body)

    async def forget_server(self, server: str) -> None:
        """Forget a stopped server."""
        await self._send("DELETE", f"/v1/servers/{quote(server)}")

    async def logs(self, server: str, *, lines: int = 200) -> str:
        """Return the last lines that a server wrote."""
        answer = await self._send("GET", f"/v1/servers/{quote(server)}/logs?lines={lines}")
        return answer.text[-MAX_LOG_CHARACTERS:]

    async def capabilities(self) -> Capabilities:
        """Return what the cluster can do."""
        return await self._call(Capabilities, "GET", "/v1/capabilities")

    async def capacity(self) -> Capacity:
        """Return what the cluster has and what is in use."""
        return await self._call(Capacity, "GET", "/v1/capacity")

    async def start_build(self, build: str, request: BuildRequest) -> Build:
        """Begin a build, or find the one that this id had already."""
        plain = request.model_dump(mode="json") | {"token": request.token.get_secret_value()}
        return await self._call(Build, "PUT", f"/v1/builds/{quote(build)}", json.dumps(plain).encode())

    async def build(self, build: str) -> Build:
        """Return one build, with its lock."""
        return await self._call(Build, "GET", f"/v1/builds/{quote(build)}")

    async def stop_build(self, build: str) -> Build:
        """End a build; nothing of it is left."""
        return await self._call(Build, "POST", f"/v1/builds/{quote(build)}/stop")

    async def put_environment(self, digest: str, lock: str) -> EnvironmentState:
        """Let the cluster make an environment of a lock that was resolved elsewhere; answers at once."""
        body = EnvironmentLock(lock=lock).model_dump_json().encode()
        return await self._call(EnvironmentState, "PUT", f"/v1/environments/{quote(digest)}", body)

    async def environment(self, digest: str) -> EnvironmentState:
        """Return how far an environment is."""
        return await self._call(EnvironmentState, "GET", f"/v1/environments/{quote(digest)}")

    async def export(self, asked: ExportRequest) -> Export:
        """Return an environment as files that other tools read."""
        return await self._call(Export, "POST", "/v1/exports", asked.model_dump_json().encode())

    async def put_files(self, files: GivenFiles, archive: bytes) -> GivenAnswer:
        """Hand over a zip archive as the files of an address."""
        path, kind = f"/v1/files?{urlencode(files.model_dump(mode='json'))}", {"Content-Type": "application/zip"}
        return await self._call(GivenAnswer, "PUT", path, archive, kind, timeout=FILES_TIMEOUT)

    async def texts(self, asked: TextsRequest) -> Texts:
        """Return what some files of a repository say."""
        body = asked.model_dump_json().encode()
        return await self._call(Texts, "POST", "/v1/texts", body, timeout=FILES_TIMEOUT)

    async def home_archive(self, asked: HomeFolder) -> HomeArchive:
        """Return an archive of a folder in somebody's home."""
        body = asked.model_dump_json().encode()
        return await self._call(HomeArchive, "POST", "/v1/homes/archive", body, timeout=FILES_TIMEOUT)

    def events(self, *, since: int = 0, server: str = "") -> AsyncIterator[Event]:
        """Yield events after a number as they come, of one server or of all that the caller may see."""
        path = f"/v1/servers/{quote(server)}/events?since={since}" if server else f"/v1/events?since={since}"
        return self._stream(Event, path)

    def build_events(self, build: str, *, since: int = 0) -> AsyncIterator[BuildEvent]:
        """Yield a build's events after a number as they come; ends after the last one."""
        return self._stream(BuildEvent, f"/v1/builds/{quote(build)}/events?since={since}")

    async def _stream(self, kind: type[AnyMessage], path: str) -> AsyncIterator[AnyMessage]:
        request = self._request("GET", path, b"", {"Accept": "text/event-stream"})
        request.extensions["timeout"] = {"connect": 5.0, "read": 45.0, "write": 5.0, "pool": 5.0}
        try:
            answer = await self._http.send(request, stream=True)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        try:
            if answer.status_code != httpx.codes.OK:
                await answer.aread()
                raise _refusal(answer)
            async for line in answer.aiter_lines():
                if line.startswith("data:"):
                    yield _parse(kind, line.removeprefix("data:"))
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        finally:
            await answer.aclose()

    def _request(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], timeout: httpx.Timeout = TIMEOUT
    ) -> httpx.Request:
        signed = sign(self._key, audience=self._cluster, method=method, path=path, body=body)
        content = {"Content-Type": "application/json"} if body else {}
        return self._http.build_request(
            method, path, content=body, headers={**content, **headers, "Authorization": signed}, timeout=timeout
        )

    async def _send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        timeout: httpx.Timeout = TIMEOUT,
    ) -> httpx.Response:
        try:
            answer = await self._http.send(self._request(method, path, body, headers or {}, timeout))
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        if answer.is_success:
            return answer
        raise _refusal(answer)

    async def _call(
        self,
        kind: type[AnyMessage],
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        timeout: httpx.Timeout = TIMEOUT,
    ) -> AnyMessage:
        return _parse(kind, (await self._send(method, path, body, headers, timeout=timeout)).text)

    def _unreachable(self, error: httpx.HTTPError) -> UnreachableError:
        return UnreachableError(
            f"the agent of cluster {self._cluster!r} does not answer ({type(error).__name__})",
            hint=f"see `hubfleet status` and `hubfleet logs agent-{self._cluster}`",
        )


def _refusal(answer: httpx.Response) -> ProtocolError:
    try:
        problem = Problem.model_validate_json(answer.text)
    except ValidationError:
        return ProtocolError(f"the agent answered {answer.status_code} without saying why")
    return RefusedError(problem.detail or problem.title, status=answer.status_code, hint=problem.hint)


def _parse(kind: type[AnyMessage], text: str) -> AnyMessage:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise ProtocolError(f"the agent's answer is no {kind.__name__}") from error


def _open(request: ServerRequest) -> bytes:
    """Return a request as JSON with its secrets in the clear, for the wire only."""
    plain = request.model_dump(mode="json", exclude={"secrets"})
    secret = request.secrets
    plain["secrets"] = {
        "api_token": secret.api_token.get_secret_value(),
        "oauth_client_secret": secret.oauth_client_secret.get_secret_value(),
        "variables": {name: value.get_secret_value() for name, value in secret.variables.items()},
    }
    return json.dumps(plain).encode()
