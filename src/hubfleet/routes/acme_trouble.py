"""Why an authority gave no certificate, and what to do, in words for the operator."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import acme.errors
import acme.messages
import requests

_AFTER = re.compile(r"retry after (\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)")

_SAID: dict[str, tuple[str, str]] = {
    "dns": (
        "the authority finds no address for {host}",
        "make a DNS record (A or AAAA) that leads {host} to this machine",
    ),
    "connection": (
        "the authority cannot reach {host} at port 80",
        "open port 80 to the whole Internet and lead it to port {port} of this machine; the DNS records of {host} "
        "(AAAA too) must lead here",
    ),
    "unauthorized": (
        "another web server answers at http://{host}",
        "let the DNS records of {host} (AAAA too) lead to this machine alone, and port 80 to its port {port}",
    ),
    "caa": (
        "the DNS of {host} forbids this authority to sign",
        "add a CAA record that names the authority, or remove those that there are",
    ),
    "rejectedIdentifier": (
        "the authority signs nothing for {host}",
        "choose another `domain`, or give a certificate in the cluster's file",
    ),
    "rateLimited": (
        "the authority has given too many certificates, or seen too many failures, and asks for patience",
        "nothing: it is tried again when the authority allows it; for trials set `acme_directory` to its staging "
        "directory",
    ),
    "invalidContact": ("the authority refuses the mail address", "write another one at `https: {{acme: …}}`"),
    "externalAccountRequired": (
        "the authority wants accounts that were opened elsewhere first",
        "choose another `acme_directory`: this is not supported yet",
    ),
}
_SAID["incorrectResponse"] = _SAID["unauthorized"]


@dataclass(frozen=True)
class Trouble:
    """One failed try."""

    problem: str
    hint: str
    not_before: datetime | None = None
    """When the authority allows the next try, where it says so."""
    limited: bool = False
    """Whether it asked for patience."""


def explain(error: Exception, host: str, *, http_port: int, directory: str) -> Trouble:
    """Return what an error of the acme library means for the certificate of a host."""
    if isinstance(error, requests.exceptions.SSLError):
        return Trouble(
            f"{directory} shows a certificate that this machine does not trust",
            "if it is an authority of your own, name its certificate in SSL_CERT_FILE when applying",
        )
    if isinstance(error, requests.exceptions.RequestException):
        return Trouble(
            f"{directory} cannot be reached", "this machine must reach it by HTTPS; see proxies and firewall"
        )
    if isinstance(error, acme.errors.TimeoutError):
        return Trouble("the authority did not answer in time", "nothing: it is tried again")
    for problem in _problems(error):
        detail = " ".join((problem.detail or "").split())[:300]
        code = problem.code or ""
        said, hint = _SAID.get(code, ("the authority refuses", "its own words say why; it is tried again"))
        return Trouble(
            f"{said.format(host=host)}{f' ({detail})' if detail else ''}",
            hint.format(host=host, port=http_port),
            not_before=_allowed(detail) if code == "rateLimited" else None,
            limited=code == "rateLimited",
        )
    return Trouble(f"the authority's answer makes no sense: {error}"[:400], "see whether `acme_directory` is right")


def _problems(error: Exception) -> Iterator[acme.messages.Error]:
    """Yield the authority's own words: the innermost ones say most."""
    if isinstance(error, acme.messages.Error):
        yield from error.subproblems or ()
        yield error
    elif isinstance(error, acme.errors.IssuanceError):
        yield from _problems(error.error)
    elif isinstance(error, acme.errors.ValidationError):
        for authorization in error.failed_authzrs:
            for challenge in authorization.body.challenges:
                if challenge.error is not None:
                    yield challenge.error


def _allowed(detail: str) -> datetime | None:
    found = _AFTER.search(detail)
    return datetime.fromisoformat(f"{found[1]} {found[2]}").replace(tzinfo=UTC) if found else None
