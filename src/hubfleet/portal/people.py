"""Who asks: the person behind a cookie, or the person or service behind a token in the header.

JupyterHub alone knows whose a token is and what it may; the portal asks it at most every five seconds. Any valid token
gets an answer there, so the scope for this service is looked at here.
"""

import hashlib
import json
import secrets
from dataclasses import dataclass, field

from pydantic import SecretStr
from starlette.requests import Request

from hubfleet._kit.clock import Clock
from hubfleet.errors import RefusedError
from hubfleet.model.access import PROMOTE
from hubfleet.portal.sealing import Seal
from hubfleet.protocol.hub_api import HubApi, HubIdentity
from hubfleet.records.entries import Reader

SERVICE = "portal"
PREFIX = f"/services/{SERVICE}/"
ACCESS = frozenset({"access:services", f"access:services!service={SERVICE}"})
"""Either lets its holder in."""
ADMIN = "admin-ui"
"""The scope that JupyterHub's admins have, and others only if a role gives it to them: sees everybody's builds."""
SESSION_COOKIE = "hubfleet-portal"
CACHE_S = 5.0
CACHED_MAX = 1000


class SignedOutError(RefusedError):
    """Nobody is known to ask."""

    code = "signed-out"

    def __init__(self, message: str) -> None:
        super().__init__(
            message, status=401, hint="sign in, or send a token of JupyterHub's as `Authorization: token …`"
        )


@dataclass(frozen=True)
class Person:
    """Whoever asks."""

    name: str
    """As records know them: JupyterHub's name, or `service/NAME`, which no person can be called."""
    service: bool = False
    admin: bool = False
    groups: frozenset[str] = frozenset()
    """The hub's groups that they are in."""
    promotes: bool = False
    """Whether they may give the hub's profiles other environments."""
    session: str = ""
    """What a forged request cannot know of the browser's session; empty for a token in the header."""

    @property
    def sees(self) -> str | None:
        """Whose builds they may see; None: everybody's."""
        return None if self.admin or self.service else self.name

    @property
    def reader(self) -> Reader:
        """Which environments they may see."""
        return Reader(person=self.name, groups=self.groups, everything=self.sees is None)


@dataclass
class People:
    """Finds out who asks."""

    hub: HubApi
    sessions: Seal
    clock: Clock
    _known: dict[bytes, tuple[float, HubIdentity]] = field(default_factory=dict)

    async def who(self, request: Request) -> Person:
        """Return who sent a request; a token in the header counts before a cookie.

        Raises:
            SignedOutError: nobody that the hub knows now.
            RefusedError: somebody without the right to use the portal (403).
            UnreachableError: the hub cannot be asked just now.
        """
        if (header := request.headers.get("authorization")) is not None:
            scheme, _, token = header.partition(" ")
            if scheme.lower() not in {"token", "bearer"}:
                raise SignedOutError("the Authorization header holds no token")
            return await self.whose(token.strip())
        token, session = self._session(request)
        if not token:
            raise SignedOutError("you are not signed in")
        return await self.whose(token, session=session)

    async def whose(self, token: str, *, session: str = "") -> Person:
        """Return whose a token is; raises as `who` does."""
        identity = await self._identity(token)
        if identity is None:
            raise SignedOutError("you are signed out" if session else "the hub does not know this token")
        if not ACCESS & set(identity.scopes):
            raise RefusedError(
                "you may not use this part of the hub" if session else "this token may not use the portal",
                status=403,
                hint=f"an admin can give the scope access:services!service={SERVICE}",
            )
        service = identity.kind == "service"
        name = f"service/{identity.name}" if service else identity.name
        admin, groups = ADMIN in identity.scopes, frozenset(identity.groups)
        promotes = admin or PROMOTE in identity.scopes
        return Person(name, service=service, admin=admin, groups=groups, promotes=promotes, session=session)

    def new_session(self, token: SecretStr) -> str:
        """Return the value of a new session's cookie."""
        return self.sessions.close(json.dumps([token.get_secret_value(), secrets.token_urlsafe(16)]))

    def _session(self, request: Request) -> tuple[str, str]:
        opened = self.sessions.open(request.cookies.get(SESSION_COOKIE, ""))
        if opened is None:
            return "", ""
        token, session = json.loads(opened)
        return str(token), str(session)

    async def _identity(self, token: str) -> HubIdentity | None:
        key = hashlib.sha256(token.encode()).digest()
        now = self.clock.monotonic()
        until, identity = self._known.get(key, (0.0, None))
        if identity is not None and now < until:
            return identity
        found = await self.hub.whoami(token)
        self._known.pop(key, None)
        if found is not None:
            if len(self._known) >= CACHED_MAX:
                self._known.pop(next(iter(self._known)))
            self._known[key] = (now + CACHE_S, found)
        return found
