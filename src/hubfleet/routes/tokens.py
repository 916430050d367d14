"""Tells hubs apart by their tokens, which are files that may change at any time."""

import hmac
import logging
import re
from pathlib import Path

from hubfleet.model.settings.routes import RoutedHub

_log = logging.getLogger(__name__)
_HEADER = re.compile(r"token\s+(\S+)")


class TokenFile:
    """A file that holds one token; read again whenever it changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._token = b""

    def matches(self, token: bytes) -> bool:
        """Say whether this is the token; a missing or empty file matches nothing."""
        try:
            state = self._path.stat()
            seen = (state.st_mtime_ns, state.st_ino, state.st_size)
            if seen != self._seen:
                self._token = self._path.read_bytes().strip()
                self._seen = seen
        except OSError as error:
            _log.warning("cannot read token file %s: %s", self._path, error.strerror)
            self._token, self._seen = b"", None
        return hmac.compare_digest(self._token, token) and bool(self._token)


class Callers:
    """All hubs and their tokens."""

    def __init__(self, hubs: tuple[RoutedHub, ...]) -> None:
        self._files = [(hub, TokenFile(Path(hub.token_file))) for hub in hubs]

    def who(self, authorization: str) -> RoutedHub | None:
        """Return the hub whose token an `Authorization: token T` header carries; None: nobody's, or not one hub's."""
        found = _HEADER.search(authorization)
        if not found:
            return None
        token = found[1].encode(errors="replace")
        hubs = [hub for hub, file in self._files if file.matches(token)]
        if len(hubs) > 1:
            _log.error("hubs %s have the same token: all are refused", ", ".join(hub.name for hub in hubs))
        return hubs[0] if len(hubs) == 1 else None
