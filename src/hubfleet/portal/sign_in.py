"""Sign-in by JupyterHub's OAuth, with PKCE; the whole state of one attempt travels in a sealed cookie.

https://jupyterhub.readthedocs.io/en/stable/explanation/oauth.html
"""

import base64
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Request
from pydantic import SecretStr
from starlette.responses import RedirectResponse, Response

from hubfleet.errors import RefusedError
from hubfleet.portal.people import PREFIX, SERVICE, SESSION_COOKIE, People
from hubfleet.portal.sealing import Seal

CLIENT = f"service-{SERVICE}"
CALLBACK = f"{PREFIX}oauth_callback"
AUTHORIZE = "/hub/api/oauth2/authorize"
START = f"{PREFIX}environments"
ATTEMPT_S = 600
"""How long somebody may take to sign in."""
SESSION_S = 14 * 24 * 3600
"""JupyterHub's own tokens live as long by default."""
_UNFIT = re.compile(r"[\x00-\x20\x7f\\]")
routes = APIRouter()


@dataclass(frozen=True)
class SignIn:
    """Leads people through JupyterHub's sign-in."""

    people: People
    secret: SecretStr
    """The service's token, which is the client's secret."""
    attempts: Seal
    secure: bool
    """Whether browsers reach us by https."""

    def begin(self, after: str) -> Response:
        """Send a browser to the hub, and from there back to a path."""
        state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        asked = {
            "client_id": CLIENT,
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        answer = RedirectResponse(f"{AUTHORIZE}?{urlencode(asked)}", 302)
        sealed = self.attempts.close(json.dumps([state, verifier, own_path(after)]))
        self._set(answer, _attempt_cookie(state), sealed, path=CALLBACK, max_age=ATTEMPT_S)
        return answer

    async def finish(self, request: Request) -> Response:
        """Take a browser back from the hub: a session begins.

        Raises:
            RefusedError: the attempt is none of this browser's, is over, or the person has no right to use the portal.
            UnreachableError: the hub cannot be asked just now.
        """
        state, code = request.query_params.get("state", ""), request.query_params.get("code", "")
        opened = self.attempts.open(request.cookies.get(_attempt_cookie(state), ""))
        expected, verifier, after = json.loads(opened) if opened else ("", "", "")
        if not expected or not hmac.compare_digest(expected.encode(), state.encode()):
            raise RefusedError("this sign-in took too long, or began in another browser", status=400, hint="try again")
        if not code:
            raise RefusedError("the hub did not let you in", status=403, hint="try again, or ask an admin")
        token = await self.people.hub.exchange_code(
            code, client=CLIENT, secret=self.secret, redirect_uri=CALLBACK, verifier=verifier
        )
        session = self.people.new_session(token)
        await self.people.whose(token.get_secret_value(), session=session)
        answer = RedirectResponse(own_path(after), 302)
        self._set(answer, SESSION_COOKIE, session, path=PREFIX)
        answer.delete_cookie(_attempt_cookie(state), path=CALLBACK, httponly=True, samesite="lax", secure=self.secure)
        return answer

    def _set(self, answer: Response, name: str, value: str, *, path: str, max_age: int | None = None) -> None:
        answer.set_cookie(name, value, path=path, max_age=max_age, httponly=True, samesite="lax", secure=self.secure)


@routes.get("/sign-in")
async def sign_in(request: Request, after: str = START) -> Response:
    """Begin a sign-in and lead to a path of the portal."""
    begun: Response = request.app.state.sign_in.begin(after)
    return begun


@routes.get("/oauth_callback")
async def oauth_callback(request: Request) -> Response:
    """End a sign-in."""
    finished: Response = await request.app.state.sign_in.finish(request)
    return finished


def own_path(wanted: str) -> str:
    """Return a path of this origin to lead to: what is wanted, if it is one, else the first page."""
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return START
    right = wanted.startswith("/") and not wanted.startswith("//") and not parts.scheme and not parts.netloc
    return wanted if right and not _UNFIT.search(wanted) and len(wanted) <= 2000 else START


def _attempt_cookie(state: str) -> str:
    """Each attempt has its own, so that two tabs do not disturb each other."""
    return f"hubfleet-portal-sign-in-{hashlib.sha256(state.encode()).hexdigest()[:12]}"
