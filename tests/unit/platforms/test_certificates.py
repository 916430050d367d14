"""A given certificate is used only where it will work, and a wrong one is refused with all reasons."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.x509.oid import NameOID

import fleets
from hubfleet.errors import PlatformError, ProofError
from hubfleet.model.cluster import Https
from hubfleet.model.settings.acme import STATES_FILE, CertificateState, CertificateStates
from hubfleet.plan.actions import Resource
from hubfleet.plan.front import ACCOUNTS, GIVEN
from hubfleet.platforms.machine.certificates import Certificates, read_given
from hubfleet.platforms.machine.places import Places

NOW = datetime.now(UTC)
HTTPS = Https(certificate="chain.pem", key="key.pem")


def new_key() -> EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def signed(names: list[str], key: EllipticCurvePrivateKey, *, start: datetime, end: datetime) -> str:
    """Return a certificate as PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(item) for item in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def pem_of(key: EllipticCurvePrivateKey, password: bytes = b"") -> str:
    """Return a key as PEM."""
    locked = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked).decode()


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes certificate, chain and key for names."""

    def written(*names: str, days: int = 90, old: int = 1, key: str = "", before: str = "") -> Path:
        own = new_key()
        start = NOW - timedelta(days=old)
        certificate = signed(list(names), own, start=start, end=start + timedelta(days=days))
        (tmp_path / "chain.pem").write_text(before + certificate)
        (tmp_path / "key.pem").write_text(key or pem_of(own))
        return tmp_path

    return written


def test_a_right_one_becomes_one_file_with_the_leaf_first(write: Write) -> None:
    """Whatever the order of the chain: the certificate of the key, the rest, the key."""
    other = signed(["An Authority"], new_key(), start=NOW, end=NOW + timedelta(days=900))
    given = read_given(HTTPS, write("ocean.example.org", before=other), ["ocean.example.org"], now=NOW)
    first, second = x509.load_pem_x509_certificates(given.pem.encode())
    assert first.subject.rfc4514_string() == "CN=ocean.example.org"
    assert second.subject.rfc4514_string() == "CN=An Authority"
    assert given.pem.rstrip().endswith("-----END PRIVATE KEY-----")
    assert given.names == ("ocean.example.org",)


def test_a_wildcard_is_for_one_label(write: Write) -> None:
    """`*.example.org` is for its hubs, but not for their people's own addresses."""
    folder = write("*.example.org")
    read_given(HTTPS, folder, ["ocean.example.org"], now=NOW)
    for name in ("*.ocean.example.org", "example.org", "a.b.example.org"):
        with pytest.raises(PlatformError, match="it is not for"):
            read_given(HTTPS, folder, [name], now=NOW)


def test_a_user_subdomain_needs_its_own_wildcard(write: Write) -> None:
    """`*.ocean.example.org` must be among the names."""
    folder = write("ocean.example.org", "*.ocean.example.org")
    read_given(HTTPS, folder, ["ocean.example.org", "*.ocean.example.org"], now=NOW)


def test_all_that_is_wrong_is_said_at_once(write: Write) -> None:
    """Expired, and for another host."""
    with pytest.raises(PlatformError, match=r"expired on .*; it is not for ocean\.example\.org"):
        read_given(HTTPS, write("coast.example.org", old=100), ["ocean.example.org"], now=NOW)


def test_one_of_the_future_is_refused(write: Write) -> None:
    """It says from when it is valid."""
    with pytest.raises(PlatformError, match="valid from"):
        read_given(HTTPS, write("ocean.example.org", old=-3), ["ocean.example.org"], now=NOW)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (pem_of(new_key()), "does not belong to"),
        (pem_of(new_key(), b"secret"), "needs a password"),
        ("nothing", "holds no private key"),
    ],
)
def test_a_wrong_key_is_refused(write: Write, key: str, said: str) -> None:
    """Another's, a locked one, none at all."""
    with pytest.raises(PlatformError, match=said):
        read_given(HTTPS, write("ocean.example.org", key=key), ["ocean.example.org"], now=NOW)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """As it was written in the cluster's file."""
    with pytest.raises(PlatformError, match=r"cannot read chain\.pem"):
        read_given(HTTPS, tmp_path, [], now=NOW)


def certificates(folder: Path, https: str) -> Certificates:
    """Return the certificates of a fleet with one hub, sea.example.org."""
    loaded = fleets.loaded(
        folder,
        {
            "fleet.yaml": "name: test\ndomain: example.org\n",
            "clusters/here.yaml": f"kind: machine\nlisten: 127.0.0.1:8443\nhttps: {https}\n",
        },
        hub=fleets.HUB,
    )
    places = Places(folder / "data")
    (places.data / GIVEN).mkdir(parents=True)
    (places.data / ACCOUNTS).mkdir(parents=True)
    return Certificates(loaded.fleet, folder, places)


def test_a_plan_shows_fingerprint_and_expiry_but_no_content(write: Write) -> None:
    """Another certificate is another fingerprint."""
    resource = Resource(kind="certificates", name="")
    found = certificates(write("sea.example.org"), "{certificate: chain.pem, key: key.pem}")
    first = found.with_given(resource).values
    assert str(first["fingerprint"]).startswith("SHA-256 ")
    assert str(first["expires"]) == f"{NOW + timedelta(days=89):%Y-%m-%d}"
    assert "BEGIN" not in str(first)
    write("sea.example.org")
    assert found.with_given(resource).values["fingerprint"] != first["fingerprint"]


def test_apply_copies_what_was_planned_and_nothing_else(write: Write) -> None:
    """A file that changed in between is refused."""
    folder = write("sea.example.org")
    found = certificates(folder, "{certificate: chain.pem, key: key.pem}")
    planned = found.with_given(Resource(kind="certificates", name=""))
    assert found.missing(planned)
    found.put(planned)
    copy = folder / "data" / GIVEN / "given.pem"
    assert "PRIVATE KEY" in copy.read_text()
    assert not copy.stat().st_mode & 0o007
    assert not found.missing(planned)
    write("sea.example.org")
    with pytest.raises(PlatformError, match="changed since"):
        found.put(planned)


def known(folder: Path, **facts: object) -> None:
    """Write down what is known of the hub's certificate."""
    state = CertificateState.model_validate({"host": "sea.example.org", **facts})
    path = folder / "data" / ACCOUNTS / STATES_FILE
    path.write_text(CertificateStates(hosts={state.host: state}).model_dump_json())


def test_a_proof_waits_for_the_certificate(tmp_path: Path) -> None:
    """Where there is one, it goes on at once."""
    found = certificates(tmp_path, "{acme: ada@example.org}")
    known(tmp_path, expires=NOW + timedelta(days=1))
    found.await_had("sea.example.org", again=lambda: None, tell=lambda _: None)


def test_a_proof_without_a_certificate_says_why(tmp_path: Path) -> None:
    """The reason that was written down, with the advice."""
    found = certificates(tmp_path, "{acme: ada@example.org}")
    known(tmp_path, failures=1, tried=datetime.now(UTC), problem="port 80 is closed", hint="open it")
    with pytest.raises(ProofError, match="port 80 is closed") as caught:
        found.await_had("sea.example.org", again=lambda: None, tell=lambda _: None)
    assert caught.value.hint == "open it"


def test_an_old_failure_is_tried_again_first(tmp_path: Path) -> None:
    """Whoever applies again has mended something."""
    found = certificates(tmp_path, "{acme: ada@example.org}")
    known(tmp_path, failures=3, tried=NOW - timedelta(hours=1), problem="why")
    again: list[bool] = []

    def mended() -> None:
        again.append(True)
        known(tmp_path, expires=NOW + timedelta(days=1))

    found.await_had("sea.example.org", again=mended, tell=lambda _: None)
    assert again == [True]
