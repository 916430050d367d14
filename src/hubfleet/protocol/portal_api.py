"""Calls from a hub's own process to its portal: one document, asked again and again, sent only when it has changed.

And, before a start, that a cluster be sent an environment which it lacks.
"""

from dataclasses import dataclass
from urllib.parse import quote

import httpx
from pydantic import SecretStr, ValidationError

from hubfleet.errors import ProtocolError, UnreachableError
from hubfleet.model.document import HubDocument
from hubfleet.protocol.client import LIMITS

TIMEOUT = httpx.Timeout(5.0)
API = "/services/portal/api"
PATH = f"{API}/document"


@dataclass(frozen=True)
class Told:
    """A document, and the tag by which the portal knows it again."""

    document: HubDocument
    tag: str


class PortalApi:
    """Calls one hub's portal."""

    def __init__(self, url: str, token: SecretStr, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Make a client; nothing is dialled yet.

        Args:
            url: where the portal listens, such as `http://127.0.0.1:8100`.
            token: of a service that JupyterHub lets use the portal.
            transport: another than TCP, for tests.
        """
        transport = transport or httpx.AsyncHTTPTransport(limits=LIMITS)
        headers = {"Authorization": f"token {token.get_secret_value()}"}
        self._http = httpx.AsyncClient(base_url=url, headers=headers, transport=transport, timeout=TIMEOUT)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def document(self, tag: str) -> Told | None:
        """Return the document; None where it is the one that the tag names.

        Raises:
            UnreachableError: the portal does not answer just now.
            ProtocolError: its answer makes no sense.
        """
        try:
            answer = await self._http.get(PATH, headers={"If-None-Match": tag} if tag else {})
        except httpx.HTTPError as error:
            raise UnreachableError(f"the portal does not answer ({type(error).__name__})") from error
        if answer.status_code == httpx.codes.NOT_MODIFIED:
            return None
        if answer.status_code != httpx.codes.OK:
            kind = UnreachableError if answer.is_server_error else ProtocolError
            raise kind(f"the portal answered {answer.status_code} when it was asked for the hub's document")
        try:
            return Told(HubDocument.model_validate_json(answer.text), answer.headers.get("etag", ""))
        except ValidationError as error:
            raise ProtocolError("the portal's document makes no sense") from error

    async def send_environment(self, digest: str, cluster: str) -> None:
        """Let the portal send an environment's lock to a cluster.

        Raises:
            UnreachableError: the portal or the cluster does not answer just now.
            ProtocolError: it cannot be sent, such as because no record holds it.
        """
        path = f"{API}/clusters/{quote(cluster, safe='')}/environments/{quote(digest, safe='')}"
        try:
            answer = await self._http.put(path)
        except httpx.HTTPError as error:
            raise UnreachableError(f"the portal does not answer ({type(error).__name__})") from error
        if not answer.is_success:
            kind = UnreachableError if answer.is_server_error else ProtocolError
            raise kind(f"the portal answered {answer.status_code} when it was asked to send an environment")
