"""Keeps other sites' pages from doing something in the name of whoever is signed in.

A request with a cookie that changes something must come from a page of this origin (`Origin`, RFC 6454) and carry the
token that only our pages show: in its own cookie, and again in the form or header; signed, and bound to the session.
https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from starlette.requests import Request

from hubfleet.errors import RefusedError
from hubfleet.portal.people import Person

COOKIE = "hubfleet-portal-xsrf"
HEADER = "X-XSRFToken"
FIELD = "_xsrf"
_HINT = "go back, load the page again and send it once more"


@dataclass(frozen=True)
class Forgery:
    """Makes and checks tokens."""

    key: bytes
    origin: str
    """Scheme, host and port of our own pages."""

    def token(self, request: Request, person: Person) -> str:
        """Return the token for the pages of one session: the one that its cookie has, if it is right."""
        given = request.cookies.get(COOKIE, "")
        return given if self._genuine(given, person.session) else self._make(secrets.token_urlsafe(16), person.session)

    def check(self, request: Request, person: Person, given: str) -> None:
        """Let a request pass that changes something.

        Args:
            request: whose method is none of the safe ones.
            person: who sent it; a token in the header needs no more.
            given: the token from the form or header.

        Raises:
            RefusedError: 403, it may be another site's.
        """
        if not person.session:
            return
        if request.headers.get("origin", "").lower() != self.origin.lower():
            raise RefusedError("this request does not come from one of this hub's pages", status=403, hint=_HINT)
        if not hmac.compare_digest(given.encode(), request.cookies.get(COOKIE, "").encode()):
            raise RefusedError("this page is too old, or from another browser", status=403, hint=_HINT)
        if not self._genuine(given, person.session):
            raise RefusedError("this page was open before you signed in", status=403, hint=_HINT)

    def _genuine(self, token: str, session: str) -> bool:
        nonce = token.partition(".")[0]
        return bool(nonce) and hmac.compare_digest(token.encode(), self._make(nonce, session).encode())

    def _make(self, nonce: str, session: str) -> str:
        signed = hmac.new(self.key, f"{session}:{nonce}".encode(), hashlib.sha256)
        return f"{nonce}.{signed.hexdigest()}"
