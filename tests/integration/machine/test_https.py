"""A fleet over https, from `hubfleet up` to a proven hub, with certificates from a real authority or given ones."""

import json
import socket
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from hubfleet.routes.certificates import self_signed
from machines import Machine, machine, up
from pebble import Pebble, authority
from programs import Answer, free_port, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("machine")]

HUB = "sign_in: {with: shared-password}\nallow: {everyone: true}\nadmins: [ada]\n"
HOST = "ocean.hubs.test"


@pytest.fixture
def made() -> Iterator[Machine]:
    """A fleet with one hub at a name that is not this machine's own; not yet up."""
    with machine({"hubs/ocean.yaml": HUB}) as fleet:
        fleet.write({"fleet.yaml": f"name: t{fleet.port}\ndomain: hubs.test\n"})
        yield fleet


@pytest.fixture
def pebble(made: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pebble]:
    """An authority that the fleet asks."""
    plain = free_port()
    tmp_path.chmod(0o755)
    with authority(made.data.parent, http_port=plain) as found:
        https = f"{{acme: ada@example.org, acme_directory: {found.directory}, http_port: {plain}}}"
        cluster(made, https)
        monkeypatch.setenv("SSL_CERT_FILE", str(found.trusted))
        yield found


def cluster(made: Machine, https: str) -> None:
    """Write the cluster's file."""
    made.write({"clusters/here.yaml": f"kind: machine\nlisten: 127.0.0.1:{made.port}\nhttps: {https}\n"})


def visit(made: Machine, context: ssl.SSLContext, path: str) -> Answer:
    """GET a page of the hub as a browser that trusts just this authority."""
    with (
        socket.create_connection(("127.0.0.1", made.port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as secured,
    ):
        secured.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}:{made.port}\r\nConnection: close\r\n\r\n".encode())
        raw = secured.makefile("rb").read()
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    pairs = [line.partition(": ")[::2] for line in lines[1:]]
    cookies = tuple(value for name, value in pairs if name.lower() == "set-cookie")
    return Answer(int(lines[0].split()[1]), {name.lower(): value for name, value in pairs}, body, cookies)


def test_up_gets_a_certificate_and_proves_the_hub_over_https(made: Machine, pebble: Pebble) -> None:
    """Visitors trust it; cookies are secure; status says until when it is good; plain requests are sent on."""
    with up(made):
        page = visit(made, pebble.root(), "/hub/login")
        assert page.status == 200
        assert page.cookies
        assert all("secure" in cookie.lower() for cookie in page.cookies)
        assert "strict-transport-security" in page.headers
        status = json.loads(made.run("status", "--json").stdout)
        assert status["certificates"][0]["host"] == HOST
        assert status["certificates"][0]["state"] == "good"
        assert "(proven)" in status["hubs"][0]["revision"]
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (made.data / "certificates/acme").iterdir()}
        assert modes == {f"{HOST}.pem": 0o600}


def test_apply_says_why_there_is_no_certificate_and_goes_on_after_the_mending(made: Machine, pebble: Pebble) -> None:
    """Without DNS the hub's proof fails with reason and advice."""
    pebble.lead_names_to("")
    failed = made.run("apply", "--yes", check=False)
    assert failed.status == 1
    assert f"no certificate for {HOST}" in failed.stderr
    assert "DNS record" in failed.stderr
    assert "DNS record" in made.run("status").stdout
    pebble.lead_names_to("127.0.0.1")
    assert "done" in made.run("apply", "--yes").stderr


def given(folder: Path, *names: str) -> tuple[int, ssl.SSLContext]:
    """Write a certificate and its key; return its serial number and what trusts it."""
    pem = self_signed(names)
    cut = pem.index("-----BEGIN PRIVATE")
    (folder / "chain.pem").write_text(pem[:cut])
    (folder / "key.pem").write_text(pem[cut:])
    return x509.load_pem_x509_certificate(pem.encode()).serial_number, ssl.create_default_context(cadata=pem[:cut])


def test_a_given_certificate_is_served_and_replaced_by_apply(made: Machine) -> None:
    """The proxy goes on as the process that it was; a wrong file is refused by plan."""
    cluster(made, "{certificate: chain.pem, key: key.pem}")
    _, context = given(made.folder, HOST)
    with up(made):
        proxy = made.pid("proxy")
        assert visit(made, context, "/hub/login").status == 200
        _, renewed = given(made.folder, HOST)
        plan = made.run("plan").stdout
        assert "~ certificates" in plan
        assert "fingerprint: SHA-256" in plan
        assert "nobody is cut off" in plan
        made.run("apply", "--yes")
        wait_for("the new one", lambda: visit(made, renewed, "/hub/login").status == 200)
        assert made.pid("proxy") == proxy
        given(made.folder, "coast.hubs.test")
        refused = made.run("plan", check=False)
        assert refused.status == 1
        assert f"it is not for {HOST}" in refused.stderr
