"""Asks servers of data: over http and https, at addresses that were judged, and within limits.

Runs inside the builder's sandbox. Each name is resolved once and the connection goes to just what was judged, also
where a server sends on to another one.
"""

import hashlib
import http.client
import ipaddress
import json
import socket
import ssl
import urllib.request
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit

STALLED_S = 30.0
"""How long a server may say nothing."""
JSON_MAX = 20_000_000
_CHUNK = 1 << 20
_KEPT = "%/:=&?~#+!$,;'@()*[]"


class DataError(Exception):
    """Data cannot be had."""

    def __init__(self, message: str, hint: str = "") -> None:
        """Say why, and what to do."""
        super().__init__(message)
        self.message = message
        self.hint = hint


class MissingError(DataError):
    """A server has nothing at an address."""


class Web:
    """What one build fetches of data."""

    def __init__(self, private_hosts: Collection[str], max_bytes: int) -> None:
        """Make it.

        Args:
            private_hosts: hosts that may be asked though their addresses are not public.
            max_bytes: of all files together.
        """
        self._private_hosts = private_hosts
        self._max_bytes = self._left = max_bytes
        self._context = ssl.create_default_context()
        # without the handlers for files and ftp
        self._opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPErrorProcessor(),
            _Onward(),
            _Http(self),
            _Https(self, self._context),
        ):
            self._opener.add_handler(handler)

    def json(self, address: str) -> Any:
        """Return what a server says.

        Raises:
            MissingError: it has nothing there.
            DataError: anything else.
        """
        with self._asked(address, "application/json") as answer:
            said = answer.read(JSON_MAX + 1)
        if len(said) > JSON_MAX:
            raise DataError(f"{_host(address)} answers with more than {JSON_MAX // 1_000_000} MB")
        try:
            return json.loads(said)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{_host(address)} answers with what is no JSON", "check the address") from error

    def file(self, address: str, target: Path, *, md5: str = "") -> None:
        """Write what a server has at an address.

        Args:
            address: where.
            target: the file; there is none yet.
            md5: its digest as the server tells it; empty: it tells none.
        """
        digest = hashlib.md5(usedforsecurity=False)
        with self._asked(address, "*/*") as answer, target.open("xb") as written:
            while chunk := _read(answer, address):
                self._left -= len(chunk)
                if self._left < 0:
                    raise DataError(
                        f"the data set is larger than {_size(self._max_bytes)}", "ask the operator, or use a part of it"
                    )
                digest.update(chunk)
                written.write(chunk)
        if md5 and digest.hexdigest() != md5.lower():
            raise DataError(f"{address} is not what its server says it is", "try again later; nothing was lost")

    def connect(self, host: str, port: int, timeout: float) -> socket.socket:
        """Connect to one of a host's addresses, if all are such as may be asked."""
        last: OSError = OSError("no address")
        for family, kind, protocol, _, address in self.judge(host, port):
            link = socket.socket(family, kind, protocol)
            try:
                link.settimeout(timeout)
                link.connect(address)
            except OSError as error:
                link.close()
                last = error
            else:
                return link
        raise last

    def judge(self, host: str, port: int) -> list[Any]:
        """Return a host's addresses.

        Raises:
            DataError: one of them is private.
        """
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        numbers = [ipaddress.ip_address(str(item[4][0]).partition("%")[0]) for item in found]
        if host not in self._private_hosts and not all(number.is_global for number in numbers):
            raise DataError(
                f"{host!r} is at a private address, from which this cluster fetches nothing",
                f"the operator may allow it: `git_hosts: [{host}]` in the cluster's file",
            )
        return found

    def _asked(self, address: str, accept: str) -> Any:
        if urlsplit(address).scheme not in {"http", "https"}:
            raise DataError(f"{address[:200]!r} is no web address")
        headers = {"User-Agent": "hubfleet", "Accept": accept}
        try:
            return self._opener.open(
                urllib.request.Request(quote(address, safe=_KEPT), headers=headers),  # noqa: S310 - http and https only
                timeout=STALLED_S,
            )
        except HTTPError as error:
            raise _refused(address, error.code) from error
        except (URLError, OSError, http.client.HTTPException, ValueError) as error:
            raise _unreachable(address, error) from error


class _Plain(http.client.HTTPConnection):
    def __init__(self, *given: Any, web: Web, **named: Any) -> None:
        super().__init__(*given, **named)
        self._web = web

    def connect(self) -> None:
        self.sock = self._web.connect(self.host, self.port, STALLED_S)


class _Secure(_Plain):
    default_port = 443

    def __init__(self, *given: Any, secure: ssl.SSLContext, **named: Any) -> None:
        super().__init__(*given, **named)
        self._secure = secure

    def connect(self) -> None:
        super().connect()
        self.sock = self._secure.wrap_socket(self.sock, server_hostname=self.host)


class _Http(urllib.request.HTTPHandler):
    def __init__(self, web: Web) -> None:
        super().__init__()
        self._web = web

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        if _proxied(req, self._web):
            return super().http_open(req)
        return self.do_open(partial(_Plain, web=self._web), req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, web: Web, secure: ssl.SSLContext) -> None:
        super().__init__(context=secure)
        self._web = web
        self._secure = secure

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        if _proxied(req, self._web):
            return super().https_open(req)
        connection = partial(_Secure, web=self._web, secure=self._secure)
        return self.do_open(connection, req)


class _Onward(urllib.request.HTTPRedirectHandler):
    def redirect_request(  # noqa: PLR0917 - the standard library's
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise DataError(f"{_host(req.full_url)} sends on to an address without https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _proxied(request: urllib.request.Request, web: Web) -> bool:
    """Say whether a request goes to a proxy; what it asks of that is judged where its name is known here."""
    target = urlsplit(request.full_url)
    if request.host == target.netloc:
        return False
    try:
        web.judge(str(target.hostname), 0)
    except OSError:
        return True
    return True


def _read(answer: Any, address: str) -> bytes:
    try:
        return bytes(answer.read(_CHUNK))
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(address, error) from error


def _refused(address: str, status: int) -> DataError:
    if status in {404, 410}:
        return MissingError(f"there is nothing at {address}", "check the address")
    if status in {401, 403}:
        return DataError(f"{address} is not public", "only public data can be fetched")
    return DataError(f"{_host(address)} answers with status {status}", "try again later; nothing was lost")


def _unreachable(address: str, error: Exception) -> DataError:
    reason = getattr(error, "reason", error)
    if isinstance(reason, DataError):
        return reason
    if isinstance(reason, ssl.SSLError):
        return DataError(f"the certificate of {_host(address)} is not trusted", "ask whoever runs that server")
    if isinstance(reason, socket.gaierror):
        return DataError(f"there is no host named {_host(address)!r}", "check the address; it may be misspelt")
    return DataError(f"{_host(address)} does not answer", f"try again later; nothing was lost ({str(reason)[:200]})")


def _host(address: str) -> str:
    return urlsplit(address).netloc[:200]


def _size(count: int) -> str:
    return f"{count >> 30} GiB" if count >= 1 << 30 else f"{count:,} bytes"
