"""Commands signed by their caller, so that neither a copied token nor a changed body is worth anything.

Each request to an agent carries `Authorization: Hubfleet <JWS>`: Ed25519 (RFC 9864) over audience, method, path, digest
of the body, an id that is accepted once, and an expiry judged by the agent's clock.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from hubfleet._kit.clock import Clock, SystemClock
from hubfleet.errors import RefusedError
from hubfleet.model.base import StrictModel

SCHEME = "Hubfleet"
ALGORITHM = "Ed25519"
"""RFC 9864 names the curve; plain `EdDSA` is deprecated by it."""
LIFETIME_S = 60
"""How long a signed command may take to arrive; the agent remembers ids for as long."""
CLOCK_SKEW_S = 5
"""How far ahead of the agent's clock a caller's may be beyond that."""

Role = Literal["hub", "portal", "operator"]


class Caller(StrictModel):
    """One who may call an agent, and as what."""

    name: str
    """Key id, such as `hub-ocean`."""
    role: Role
    hub: str = ""
    """The hub whose servers, builds and homes it may touch; empty for an operator."""
    public_key: str
    """Public Ed25519 key as JWK (RFC 8037), JSON."""


@dataclass(frozen=True)
class CallerKey:
    """A private key and the name under which an agent knows it."""

    name: str
    jwk: str

    @classmethod
    def new(cls, name: str) -> "CallerKey":
        """Make a key."""
        return cls(name, json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=True)))

    def public(self) -> str:
        """Return the public half as JWK, JSON."""
        return json.dumps(OKPKey.import_key(json.loads(self.jwk)).as_dict(private=False), sort_keys=True)


def sign(key: CallerKey, *, audience: str, method: str, path: str, body: bytes, clock: Clock | None = None) -> str:
    """Return the value of the Authorization header for one request.

    Args:
        key: the caller's own.
        audience: name of the agent's cluster.
        method: HTTP method, upper case.
        path: path with query, as sent.
        body: as sent.
        clock: what the expiry is counted on.
    """
    now = (clock or SystemClock()).now().timestamp()
    claims = {
        "aud": audience,
        "exp": int(now) + LIFETIME_S,
        "jti": secrets.token_urlsafe(16),
        "htm": method,
        "htu": path,
        "sha": _digest(body),
    }
    header = {"alg": ALGORITHM, "kid": key.name}
    private = OKPKey.import_key(json.loads(key.jwk))
    return f"{SCHEME} {jws.serialize_compact(header, json.dumps(claims), private, algorithms=[ALGORITHM])}"


class Verifier:
    """Holds requests to what their callers signed."""

    def __init__(
        self, callers: Mapping[str, Caller], *, audience: str, once: Callable[[str, float], bool], clock: Clock
    ) -> None:
        """Make a verifier.

        Args:
            callers: by name.
            audience: name of this agent's cluster.
            once: gets a command's id and its expiry (seconds since the epoch); says whether it is seen for the first
                time, and remembers it past a restart until then.
            clock: the agent's own.
        """
        self._keys = {
            name: (caller, OKPKey.import_key(json.loads(caller.public_key))) for name, caller in callers.items()
        }
        self._audience = audience
        self._once = once
        self._clock = clock

    def verify(self, authorization: str, *, method: str, path: str, body: bytes) -> Caller:
        """Return who signed a request.

        Raises:
            RefusedError: with status 401, whatever is wrong; the message says what.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme != SCHEME or not token:
            raise RefusedError("the request is not signed", status=401)
        caller, claims = self._read(token)
        wanted = {"aud": self._audience, "htm": method, "htu": path, "sha": _digest(body)}
        for name, value in wanted.items():
            if claims.get(name) != value:
                raise RefusedError(f"the signature is for another request ({name})", status=401)
        expiry, number = claims.get("exp"), claims.get("jti")
        if not isinstance(expiry, int) or not isinstance(number, str) or not 0 < len(number) <= 64:
            raise RefusedError("the signature lacks an expiry or an id", status=401)
        now = self._clock.now().timestamp()
        if not now < expiry <= now + LIFETIME_S + CLOCK_SKEW_S:
            raise RefusedError(
                "the signature has expired, or the clocks differ",
                status=401,
                hint="compare the clocks of both machines",
            )
        if not self._once(f"{caller.name}:{number}", float(expiry)):
            raise RefusedError("the command was sent before", status=401)
        return caller

    def _read(self, token: str) -> tuple[Caller, Mapping[str, object]]:
        try:
            name = str(json.loads(_unpad(token.partition(".")[0])).get("kid"))
            caller, key = self._keys[name]
            claims = json.loads(jws.deserialize_compact(token, key, algorithms=[ALGORITHM]).payload)
        except KeyError:
            raise RefusedError("the caller is not known here", status=401) from None
        except (ValueError, AttributeError, JoseError):
            raise RefusedError("the signature is not valid", status=401) from None
        if not isinstance(claims, dict):
            raise RefusedError("the signature is not valid", status=401)
        return caller, claims


def _digest(body: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()).decode().rstrip("=")


def _unpad(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
