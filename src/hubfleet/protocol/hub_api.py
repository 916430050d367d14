"""Calls to JupyterHub's REST API, as its OAuth client: whose token is this, and a code for a token.

https://jupyterhub.readthedocs.io/en/stable/reference/rest-api.html
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from urllib.parse import quote

import httpx
from pydantic import Field, SecretStr, TypeAdapter, ValidationError

from hubfleet.errors import ProtocolError, RefusedError, UnreachableError
from hubfleet.model.base import Message
from hubfleet.protocol.client import LIMITS

PEOPLE_MAX = 200
"""What JupyterHub gives at most in one answer."""
TIMEOUT = httpx.Timeout(10.0, connect=5.0)
_TOKEN = re.compile(r"[\x21-\x7e]{1,1000}")


class HubIdentity(Message):
    """`GET /hub/api/user`: who a token belongs to, and what it may."""

    kind: Literal["user", "service"] = "user"
    name: str = Field(min_length=1)
    groups: list[str] = []
    scopes: list[str] = []


class HubServer(Message):
    """A server as JupyterHub lists it with its person."""

    ready: bool = False
    pending: str | None = None
    full_url: str | None = None
    """Where people find it, with a slash at the end."""
    started: datetime | None = None
    last_activity: datetime | None = None
    user_options: dict[str, object] = {}


@dataclass(frozen=True)
class Place:
    """One of a person's servers."""

    person: str
    server: str = ""
    """Its name; empty: the default server."""

    @property
    def path(self) -> str:
        """Where the REST API has it."""
        person = f"users/{quote(self.person, safe='')}"
        return f"{person}/servers/{quote(self.server, safe='')}" if self.server else f"{person}/server"


class HubPerson(Message):
    """`GET /hub/api/users/NAME`, and one of the list `GET /hub/api/users`."""

    name: str = ""
    created: datetime | None = None
    last_activity: datetime | None = None
    servers: dict[str, HubServer] = {}


_PEOPLE = TypeAdapter(list[HubPerson])


class HubApi:
    """Calls one JupyterHub."""

    def __init__(self, url: str, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Make a client; nothing is dialled yet.

        Args:
            url: of the REST API, such as `http://127.0.0.1:8081/hub/api`.
            transport: another than TCP, for tests.
        """
        transport = transport or httpx.AsyncHTTPTransport(limits=LIMITS)
        self._http = httpx.AsyncClient(base_url=url.rstrip("/") + "/", transport=transport, timeout=TIMEOUT)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def whoami(self, token: str) -> HubIdentity | None:
        """Return whose token this is; None where the hub does not know it.

        Raises:
            UnreachableError: the hub does not answer just now.
            ProtocolError: its answer makes no sense.
        """
        if not _TOKEN.fullmatch(token):
            return None
        answer = await self._send("GET", "user", headers={"Authorization": f"token {token}"})
        if answer.status_code in {401, 403}:
            return None
        if answer.status_code != httpx.codes.OK:
            raise ProtocolError(f"the hub answered {answer.status_code} when it was asked whose token this is")
        try:
            return HubIdentity.model_validate_json(answer.text)
        except ValidationError as error:
            raise ProtocolError("the hub's answer names nobody") from error

    async def exchange_code(
        self, code: str, *, client: str, secret: SecretStr, redirect_uri: str, verifier: str
    ) -> SecretStr:
        """Return the access token for a code of an OAuth sign-in (RFC 6749, with PKCE: RFC 7636).

        Raises:
            RefusedError: the code is old, was used, or is another client's.
            UnreachableError: the hub does not answer just now.
        """
        form = {
            "client_id": client,
            "client_secret": secret.get_secret_value(),
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        answer = await self._send("POST", "oauth2/token", form=form)
        if answer.status_code != httpx.codes.OK:
            raise RefusedError("the hub does not accept this sign-in", status=400, hint="sign in again")
        try:
            found = answer.json()["access_token"]
        except (ValueError, KeyError, TypeError):
            raise ProtocolError("the hub's answer holds no token") from None
        return SecretStr(str(found))

    async def start_server(self, token: str, place: Place, options: Mapping[str, object]) -> None:
        """Let a person's server start; it goes on starting when this returns.

        Raises:
            RefusedError: the hub does not start it, with its own words.
            UnreachableError: the hub does not answer just now.
        """
        headers = {"Authorization": f"token {token}"}
        answer = await self._send("POST", place.path, headers=headers, body=options)
        if not answer.is_success:
            raise RefusedError(_said(answer), status=answer.status_code)

    async def server(self, token: str, place: Place) -> HubServer | None:
        """Return a person's server; None where none runs or starts.

        Raises:
            RefusedError: the token may not see it.
            UnreachableError: the hub does not answer just now.
        """
        headers = {"Authorization": f"token {token}"}
        answer = await self._send("GET", f"users/{quote(place.person, safe='')}", headers=headers)
        if not answer.is_success:
            raise RefusedError(_said(answer), status=answer.status_code)
        try:
            return HubPerson.model_validate_json(answer.text).servers.get(place.server)
        except ValidationError as error:
            raise ProtocolError("the hub's answer names no person") from error

    async def people(self, token: str) -> list[HubPerson]:
        """Return the people whom a token may see, as many as one answer holds.

        Raises:
            RefusedError: the token may see nobody.
            UnreachableError: the hub does not answer just now.
        """
        answer = await self._send("GET", f"users?limit={PEOPLE_MAX}", headers={"Authorization": f"token {token}"})
        if not answer.is_success:
            raise RefusedError(_said(answer), status=answer.status_code)
        try:
            return _PEOPLE.validate_json(answer.text)
        except ValidationError as error:
            raise ProtocolError("the hub's answer names no people") from error

    async def make_person(self, token: str, name: str) -> None:
        """Make a user.

        Raises:
            RefusedError: there is one of this name (409), or the token may not.
            UnreachableError: the hub does not answer just now.
        """
        path = f"users/{quote(name, safe='')}"
        answer = await self._send("POST", path, headers={"Authorization": f"token {token}"})
        if not answer.is_success:
            raise RefusedError(_said(answer), status=answer.status_code)

    async def remove_person(self, token: str, name: str) -> bool:
        """Remove a user with their server and tokens; say whether they are gone, or it has to be asked for again.

        Raises:
            UnreachableError: the hub does not answer just now.
        """
        path = f"users/{quote(name, safe='')}"
        answer = await self._send("DELETE", path, headers={"Authorization": f"token {token}"})
        return answer.is_success or answer.status_code == httpx.codes.NOT_FOUND

    async def make_token(self, token: str, name: str, *, scopes: Sequence[str], lasts_s: int, note: str) -> SecretStr:
        """Return a new token of a user's.

        Args:
            token: whose holder may make it.
            name: the user.
            scopes: all that it may do.
            lasts_s: when it ends by itself.
            note: what lists of tokens say of it.

        Raises:
            RefusedError: there is no such user, or the token may not.
            UnreachableError: the hub does not answer just now.
        """
        path, body = f"users/{quote(name, safe='')}/tokens", {"scopes": [*scopes], "expires_in": lasts_s, "note": note}
        answer = await self._send("POST", path, headers={"Authorization": f"token {token}"}, body=body)
        if not answer.is_success:
            raise RefusedError(_said(answer), status=answer.status_code)
        try:
            return SecretStr(str(answer.json()["token"]))
        except (ValueError, KeyError, TypeError):
            raise ProtocolError("the hub's answer holds no token") from None

    async def _send(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        form: dict[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> httpx.Response:
        try:
            answer = await self._http.request(method, path, headers=headers, data=form, json=body)
        except httpx.HTTPError as error:
            raise UnreachableError(
                f"the hub does not answer ({type(error).__name__})", hint="try again in a minute"
            ) from error
        if answer.is_server_error:
            raise UnreachableError(f"the hub answered {answer.status_code}", hint="try again in a minute")
        return answer


def _said(answer: httpx.Response) -> str:
    """Return why the hub refused, in its own words."""
    try:
        return str(answer.json()["message"])[:500]
    except (ValueError, KeyError, TypeError):
        return f"the hub answered {answer.status_code}"
