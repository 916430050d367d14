"""Certificates on one machine: a given one is checked and copied for the proxy; those got by ACME are waited for."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import ValidationError

from hubfleet._kit.files import write_atomic
from hubfleet.errors import PlatformError, ProofError
from hubfleet.model.cluster import Https
from hubfleet.model.fleet import Fleet
from hubfleet.model.hub import Hub
from hubfleet.model.settings.acme import STATES_FILE, CertificateState, CertificateStates
from hubfleet.plan.actions import Resource, Value
from hubfleet.plan.front import ACCOUNTS, GIVEN, USER
from hubfleet.platforms.machine.accounts import Accounts
from hubfleet.platforms.machine.places import Places

FILE = "given.pem"
HAD_S = 180.0
"""How long an authority may take for the first certificate of a hub."""
LOOK_S = 0.2


@dataclass(frozen=True)
class Given:
    """A certificate that the cluster's file names, found right."""

    pem: str
    """Certificate, chain and key."""
    fingerprint: str
    expires: datetime
    names: tuple[str, ...]

    def values(self) -> dict[str, Value]:
        """Return what a plan shows of it."""
        return {
            "fingerprint": self.fingerprint,
            "expires": f"{self.expires:%Y-%m-%d}",
            "names": ", ".join(self.names),
        }


class Certificates:
    """The certificates of one machine's hubs."""

    def __init__(self, fleet: Fleet, folder: Path, places: Places) -> None:
        """Make it; nothing is read yet. Paths in the cluster's file may be relative to the fleet's folder."""
        self._fleet = fleet
        self._folder = folder
        self._places = places
        self._since = datetime.now(UTC)

    @property
    def _https(self) -> Https | None:
        cluster = next(iter(self._fleet.clusters.values()))
        return cluster.https

    def with_given(self, resource: Resource) -> Resource:
        """Add what tells whether the given certificate has changed.

        Raises:
            PlatformError: it cannot be used, with all reasons.
        """
        https = self._https
        if resource.kind != "certificates" or https is None or https.certificate is None:
            return resource
        given = read_given(https, self._folder, needed(self._fleet.hubs.values()), now=datetime.now(UTC))
        return resource.model_copy(update={"values": {**resource.values, **given.values()}})

    def put(self, resource: Resource) -> None:
        """Copy the given certificate, as planned, to where the proxy reads it; nothing for other resources.

        Raises:
            PlatformError: it cannot be used, or is another than was planned.
        """
        https = self._https
        if resource.kind != "certificates" or https is None or https.certificate is None:
            return
        given = read_given(https, self._folder, needed(self._fleet.hubs.values()), now=datetime.now(UTC))
        if given.fingerprint != resource.values.get("fingerprint"):
            raise PlatformError(f"{https.certificate} has changed since this was planned", hint="plan again")
        path = self._places.data / GIVEN / FILE
        # the proxy comes before its certificate: it has its folder and its user by now
        owner = Accounts(self._places.data / "uids.json").of(USER)
        write_atomic(path, given.pem, mode=0o640 if owner else 0o600, group=owner[1] if owner else None)

    def missing(self, resource: Resource) -> bool:
        """Say whether a copy that was made is gone."""
        return "fingerprint" in resource.values and not (self._places.data / GIVEN / FILE).exists()

    def states(self) -> Sequence[CertificateState]:
        """Return what is known of each certificate in use, for `hubfleet status`."""
        https = self._https
        if https is None:
            return ()
        if https.acme:
            known = self._fetched()
            hosts = [hub.host for hub in self._fleet.hubs.values()]
            return tuple(known.get(host, CertificateState(host=host)) for host in hosts)
        try:
            certificate = x509.load_pem_x509_certificate((self._places.data / GIVEN / FILE).read_bytes())
        except (OSError, ValueError):
            return ()
        expires = certificate.not_valid_after_utc
        return tuple(CertificateState(host=name, expires=expires) for name in _names(certificate))

    def await_had(self, host: str, *, again: Callable[[], None], tell: Callable[[str], None]) -> None:
        """Wait until there is a certificate for a hub's address; at once where none is to be got.

        Args:
            host: the address.
            again: called once to have it asked for again soon, where the last failure is older than this command.
            tell: called with what is going on.

        Raises:
            ProofError: it cannot be had, with the reason and what to do.
        """
        https = self._https
        if https is None or not https.acme:
            return
        end, asked = time.monotonic() + HAD_S, False
        while time.monotonic() < end:
            state = self._fetched().get(host, CertificateState(host=host))
            if state.expires and state.expires > datetime.now(UTC):
                return
            if state.failures and not state.asking:
                if state.limited or (state.tried and state.tried >= self._since):
                    raise ProofError(f"no certificate for {host}: {state.problem}", hint=state.hint)
                if not asked:
                    again()
                    asked = True
            tell(f"getting a certificate for {host}")
            time.sleep(LOOK_S)
        raise ProofError(f"no certificate for {host} within {HAD_S:g} s", hint="read `hubfleet logs certificates`")

    def _fetched(self) -> dict[str, CertificateState]:
        try:
            raw = (self._places.data / ACCOUNTS / STATES_FILE).read_bytes()
            return CertificateStates.model_validate_json(raw).hosts
        except (OSError, ValidationError):
            return {}


def needed(hubs: Iterable[Hub]) -> tuple[str, ...]:
    """Return the names that certificates must be for."""
    names = [name for hub in hubs for name in (hub.host, *((f"*.{hub.host}",) if hub.user_subdomains else ()))]
    return tuple(dict.fromkeys(names))


def read_given(https: Https, folder: Path, names: Sequence[str], *, now: datetime) -> Given:
    """Read a given certificate and find out whether it can be used.

    Args:
        https: where its files are.
        folder: what relative paths are relative to.
        names: what it must be for.
        now: the time of day.

    Raises:
        PlatformError: it cannot be used, with all reasons.
    """
    certificate, key = https.certificate or "", https.key or ""
    chain = _chain(certificate, _text(folder / certificate, certificate))
    private = _key(key, _text(folder / key, key))
    own = private.public_key().public_bytes(*_DER)
    leaf = next((item for item in chain if item.public_key().public_bytes(*_DER) == own), None)
    if leaf is None:
        raise PlatformError(
            f"the key {key} does not belong to {certificate}", hint="give the key that it was made with"
        )
    wrong = _wrong(leaf, names, now)
    if wrong:
        raise PlatformError(
            f"the certificate {certificate} cannot be used: {'; '.join(wrong)}",
            hint="put a new one there, or write `https: {acme: MAIL}`",
        )
    # the proxy takes the first one for its own
    ordered = [leaf, *(item for item in chain if item != leaf)]
    pem = "".join(item.public_bytes(serialization.Encoding.PEM).decode() for item in ordered)
    secret = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    fingerprint = leaf.fingerprint(hashes.SHA256()).hex(":", 1)[:23]
    return Given(pem + secret, f"SHA-256 {fingerprint}…", leaf.not_valid_after_utc, tuple(_names(leaf)))


_DER = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _text(path: Path, said: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PlatformError(
            f"cannot read {said}, which `https` names: {error.strerror}",
            hint=f"user {os.geteuid()} must be able to read it" if isinstance(error, PermissionError) else "",
        ) from error


def _chain(said: str, raw: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(raw)
    except ValueError as error:
        raise PlatformError(
            f"{said} holds no certificate in PEM form", hint="openssl x509 -in FILE -inform DER makes one of DER"
        ) from error


def _key(said: str, raw: bytes) -> RSAPrivateKey | EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(raw, password=None)
    except TypeError as error:
        raise PlatformError(
            f"the key {said} needs a password", hint="openssl pkey -in FILE -out NEW writes one without"
        ) from error
    except ValueError as error:
        raise PlatformError(f"{said} holds no private key in PEM form") from error
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
        raise PlatformError(f"the key {said} is neither RSA nor EC", hint="browsers know these two kinds only")
    return key


def _wrong(leaf: x509.Certificate, names: Sequence[str], now: datetime) -> list[str]:
    found = []
    if leaf.not_valid_after_utc <= now:
        found.append(f"it expired on {leaf.not_valid_after_utc:%Y-%m-%d}")
    if leaf.not_valid_before_utc > now:
        found.append(f"it is valid from {leaf.not_valid_before_utc:%Y-%m-%d} only")
    not_for = [name for name in names if not _covers(_names(leaf), name)]
    if not_for:
        found.append(f"it is not for {', '.join(not_for)}")
    return found


def _covers(names: Sequence[str], name: str) -> bool:
    return name in names or (not name.startswith("*.") and f"*.{name.partition('.')[2]}" in names)


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return [name.lower() for name in found.value.get_values_for_type(x509.DNSName)]
