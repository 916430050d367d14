"""Certificates by ACME from a real authority (pebble), through a real HAProxy, which shows them without a reload."""

import json
import socket
import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509

from hubfleet.model.settings.acme import STATES_FILE, AcmeSettings, CertificateState, CertificateStates
from integration.routes.conftest import MakeProxy, MakeUpstream, Proxy
from integration.routes.sockets import EchoServer, open_websocket
from pebble import Pebble, authority
from programs import Running, free_port, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.slow]

HOST = "ocean.localhost"
VALID_S = 18


@dataclass
class Secured:
    """A proxy, an authority, and the program between them."""

    proxy: Proxy
    pebble: Pebble
    folder: Path
    settings: AcmeSettings
    program: Running | None = None

    def start(self) -> None:
        """Start the program and wait until it answers."""
        path = self.folder / "acme.json"
        path.write_text(self.settings.model_dump_json())
        command = [sys.executable, "-m", "hubfleet.routes.acme", str(path)]
        self.program = self.proxy.programs.start("acme", command, env={"SSL_CERT_FILE": str(self.pebble.trusted)})
        self.program.wait_http(self.settings.listen.port, "/healthz")

    def state(self) -> CertificateState:
        """Return what is known of the certificate."""
        raw = (self.folder / STATES_FILE).read_text()
        return CertificateStates.model_validate_json(raw).hosts[HOST]

    def shown(self, context: ssl.SSLContext) -> x509.Certificate | None:
        """Return the certificate that a visitor gets, or None where they do not trust it."""
        try:
            with (
                socket.create_connection(("127.0.0.1", self.https_port), timeout=5) as plain,
                context.wrap_socket(plain, server_hostname=HOST) as secured,
            ):
                return x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")
        except ssl.SSLCertVerificationError:
            return None

    @property
    def https_port(self) -> int:
        """Where it is shown."""
        return self.proxy.settings.listen[1].port


@pytest.fixture
def secured(make_proxy: MakeProxy, make_upstream: MakeUpstream, tmp_path: Path) -> Iterator[Secured]:
    """A proxy with HTTPS and without a certificate; the authority's certificates are good for some seconds."""
    certificates = tmp_path / "certificates"
    certificates.mkdir()
    https, plain, answers = free_port(), free_port(), free_port()
    proxy = make_proxy(
        listen=[
            {"address": "127.0.0.1", "port": plain},
            {"address": "127.0.0.1", "port": https, "https": {"certificates": str(certificates)}},
        ],
        acme={"address": "127.0.0.1", "port": answers},
    )
    proxy.add("/", make_upstream("hub").url)
    with authority(tmp_path, http_port=plain, valid_s=VALID_S) as pebble:
        settings = AcmeSettings.model_validate(
            {
                "mail": "ada@example.org",
                "directory": pebble.directory,
                "hosts": [HOST],
                "listen": {"address": "127.0.0.1", "port": answers},
                "http_port": plain,
                "certificates": str(certificates),
                "state_folder": str(tmp_path),
            }
        )
        yield Secured(proxy, pebble, tmp_path, settings)


def test_a_certificate_comes_and_is_renewed_under_an_open_websocket(secured: Secured) -> None:
    """Visitors trust it, its successor follows when a third of its life is left, and nobody is cut off."""
    trusting = secured.pebble.root()
    worker = secured.proxy.worker()
    secured.start()
    first = wait_for("a certificate", lambda: secured.shown(trusting), timeout_s=60)
    echo = EchoServer()
    secured.proxy.add("/user/carol", f"http://127.0.0.1:{echo.port}", user="carol")
    with open_websocket(secured.https_port, HOST, "/user/carol/ws", context=trusting) as websocket:
        assert websocket.echo(b"before") == b"before"

        def renewed() -> bool:
            shown = secured.shown(trusting)
            return shown is not None and shown.serial_number != first.serial_number

        wait_for("its successor", renewed, timeout_s=60)
        assert websocket.echo(b"after") == b"after"
    assert secured.proxy.worker() == worker
    echo.close()


def test_a_failure_says_why_and_a_restart_after_the_mending_tries_again(secured: Secured) -> None:
    """No DNS: the authority's words and advice; with DNS a restarted program gets the certificate in a minute."""
    secured.pebble.lead_names_to("")
    secured.start()
    wait_for("the failure", lambda: secured.state().failures, timeout_s=60)
    state = secured.state()
    assert HOST in state.problem
    assert "DNS" in state.hint
    assert secured.program
    assert f"no certificate for {HOST}" in secured.program.log()
    secured.pebble.lead_names_to("127.0.0.1")
    # a minute is long: let the try lie further back
    states = json.loads((secured.folder / STATES_FILE).read_text())
    states["hosts"][HOST]["tried"] = "2026-01-01T00:00:00Z"
    secured.program.kill()
    (secured.folder / STATES_FILE).write_text(json.dumps(states))
    secured.start()
    wait_for("a certificate", lambda: secured.shown(secured.pebble.root()), timeout_s=60)


def test_a_closed_port_is_told_from_missing_dns(secured: Secured) -> None:
    """Where nothing answers the authority, the advice is to open port 80."""
    secured.pebble.lead_names_to("127.0.0.2")
    secured.start()
    wait_for("the failure", lambda: secured.state().failures, timeout_s=60)
    assert "port 80" in secured.state().problem
    assert f"port {secured.settings.http_port}" in secured.state().hint


def test_killed_at_any_moment_it_goes_on_where_it_was(secured: Secured) -> None:
    """Killed with -9 while it asks, it gets the certificate with the same account afterwards."""
    secured.start()
    wait_for("an account", lambda: list(secured.folder.glob("account-*.json")), timeout_s=60)
    assert secured.program
    secured.program.kill()
    (account,) = secured.folder.glob("account-*.json")
    before = account.read_bytes()
    (secured.folder / STATES_FILE).unlink()
    secured.start()
    wait_for("a certificate", lambda: secured.shown(secured.pebble.root()), timeout_s=60)
    assert account.read_bytes() == before
    assert account.stat().st_mode & 0o777 == 0o600
