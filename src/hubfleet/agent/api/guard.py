"""Who calls: each request is read whole (within a limit) and its signature checked before any route sees it."""

from collections.abc import Awaitable, Callable

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hubfleet.agent.api.problems import problem_response
from hubfleet.agent.refusals import NotFoundError
from hubfleet.errors import HubfleetError, RefusedError
from hubfleet.protocol.files import MAX_ARCHIVE_BYTES
from hubfleet.protocol.signing import Caller, Role

MAX_BODY_BYTES = 4_000_000
"""A lock of a few thousand packages."""
MAX_BYTES_AT = {"/v1/files": MAX_ARCHIVE_BYTES}
"""What may be larger."""
OPEN = frozenset({"/v1/healthz"})
CALLER = "hubfleet.caller"

Verify = Callable[[str, str, str, bytes], Awaitable[Caller]]
"""Gets Authorization header, method, path with query, and body; gives the caller or raises RefusedError."""


class Guard:
    """ASGI middleware in front of all routes."""

    def __init__(self, app: ASGIApp, *, verify: Verify) -> None:
        """Stand before an app.

        Args:
            app: what is guarded.
            verify: judges signatures.
        """
        self._app = app
        self._verify = verify

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through if it is signed by a known caller, or the route is open to all."""
        if scope["type"] != "http" or scope["path"] in OPEN:
            await self._app(scope, receive, send)
            return
        try:
            body = await _read(receive, MAX_BYTES_AT.get(scope["path"], MAX_BODY_BYTES))
            headers = dict(scope["headers"])
            query = scope["query_string"].decode("latin-1")
            path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
            authorization = headers.get(b"authorization", b"").decode("latin-1")
            whole = f"{path}?{query}" if query else path
            scope[CALLER] = await self._verify(authorization, scope["method"], whole, body)
        except HubfleetError as error:
            await problem_response(error)(scope, receive, send)
            return
        await self._app(scope, _again(body, receive), send)


def caller_of(request: Request) -> Caller:
    """Return who signed a request."""
    caller = request.scope[CALLER]
    assert isinstance(caller, Caller)
    return caller


def allow(caller: Caller, *roles: Role) -> None:
    """Refuse a caller of another role.

    Raises:
        RefusedError: with status 403.
    """
    if caller.role not in roles:
        raise RefusedError(f"a caller with the role {caller.role!r} may not do this", status=403)


def hub_of(caller: Caller) -> str | None:
    """Return the only hub that a caller sees; None: all (an operator)."""
    return None if caller.role == "operator" else caller.hub


def own_hub(caller: Caller, hub: str) -> None:
    """Refuse a request for another hub as if that did not exist.

    Raises:
        NotFoundError: it is not the caller's.
    """
    if hub_of(caller) not in {None, hub}:
        raise NotFoundError("hub")


async def _read(receive: Receive, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b""
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise RefusedError(f"the request is larger than {limit:,} bytes", status=413)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """Give the body that was read once more; what comes after it is the connection's end."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
