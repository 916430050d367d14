"""Refuses bodies that no form or call of ours has."""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hubfleet.portal.people import PREFIX
from hubfleet.protocol.files import MAX_ARCHIVE_BYTES

BODY_BYTES_MAX = 64 * 1024
FILES_BYTES_MAX = MAX_ARCHIVE_BYTES + 1024 * 1024
"""What people bring, and what a form adds to it."""
_FILES = frozenset({f"{PREFIX}files", f"{PREFIX}api/files"})


class SmallBodies:
    """An ASGI app that lets only small requests through to another."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, counting its body as it is read."""
        seen = 0
        most = FILES_BYTES_MAX if scope.get("path") in _FILES else BODY_BYTES_MAX

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > most:
                raise HTTPException(413, f"the request is longer than {most // 1024:,} KiB")
            return message

        await self._app(scope, counted, send)
