"""HTTPS: certificates from a folder, replaced while people are connected."""

import json
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509

from hubfleet._kit.files import write_atomic
from hubfleet.routes.certificates import self_signed
from integration.routes.conftest import MakeProxy, MakeUpstream, Proxy
from integration.routes.sockets import EchoServer, open_websocket
from programs import ask, free_port, wait_for

pytestmark = pytest.mark.integration


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The certificate folder."""
    made = tmp_path / "certificates"
    made.mkdir()
    return made


@pytest.fixture
def secure(make_proxy: MakeProxy, make_upstream: MakeUpstream, folder: Path) -> Proxy:
    """A proxy with HTTP and HTTPS, and no certificate yet."""
    acme = make_upstream("acme")
    proxy = make_proxy(
        listen=[
            {"address": "127.0.0.1", "port": free_port()},
            {"address": "127.0.0.1", "port": free_port(), "https": {"certificates": str(folder)}},
        ],
        acme={"address": "127.0.0.1", "port": acme.port},
    )
    proxy.add("/", make_upstream("hub").url)
    return proxy


def https_port(proxy: Proxy) -> int:
    """Return the port with HTTPS."""
    return proxy.settings.listen[1].port


def certificate(proxy: Proxy, host: str) -> x509.Certificate:
    """Return the certificate that a host name gets."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", https_port(proxy)), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=host) as secured,
    ):
        raw = secured.getpeercert(binary_form=True)
    assert raw
    return x509.load_der_x509_certificate(raw)


def write(folder: Path, host: str) -> tuple[int, ssl.SSLContext]:
    """Put a new certificate into the folder; return its serial number and a context that trusts it alone."""
    pem = self_signed([host])
    write_atomic(folder / f"{host}.pem", pem, mode=0o600)
    context = ssl.create_default_context(cadata=pem[: pem.index("-----BEGIN PRIVATE")])
    return x509.load_pem_x509_certificate(pem.encode()).serial_number, context


def wait_served(proxy: Proxy, host: str, serial: int) -> None:
    """Wait until a host name gets a certificate."""
    wait_for("the certificate", lambda: certificate(proxy, host).serial_number == serial)


def test_a_certificate_comes_and_is_replaced_under_an_open_websocket(secure: Proxy, folder: Path) -> None:
    """The first one is served without a reload, and so is the next; nobody is cut off."""
    worker = secure.worker()
    serial, context = write(folder, "ocean.localhost")
    wait_served(secure, "ocean.localhost", serial)
    echo = EchoServer()
    secure.add("/user/carol", f"http://127.0.0.1:{echo.port}", user="carol")
    with open_websocket(https_port(secure), "ocean.localhost", "/user/carol/ws", context=context) as websocket:
        assert websocket.echo(b"before") == b"before"
        (folder / "coast.localhost.pem").write_text("no certificate")
        renewed, _ = write(folder, "ocean.localhost")
        wait_served(secure, "ocean.localhost", renewed)
        assert websocket.echo(b"after") == b"after"
    other, _ = write(folder, "coast.localhost")
    wait_served(secure, "coast.localhost", other)
    assert certificate(secure, "ocean.localhost").serial_number == renewed
    (folder / "coast.localhost.pem").unlink()
    wait_for("its end", lambda: certificate(secure, "coast.localhost").serial_number not in {other})
    assert secure.worker() == worker
    echo.close()


def test_http_is_sent_to_https_but_for_challenges(secure: Proxy) -> None:
    """Plain requests are redirected to the same page; a certificate authority is answered."""
    answer = secure.get("/user/x/lab?a=b", host=f"ocean.localhost:{secure.port}")
    assert answer.status == 308
    assert answer.headers["location"] == f"https://ocean.localhost:{https_port(secure)}/user/x/lab?a=b"
    challenge = secure.get("/.well-known/acme-challenge/token", host="anything.localhost")
    assert json.loads(challenge.body)["name"] == "acme"


def test_https_tells_browsers_to_stay_and_hubs_that_it_is_secure(secure: Proxy, folder: Path) -> None:
    """HSTS is set, and the hub sees X-Forwarded-Proto https."""
    serial, context = write(folder, "ocean.localhost")
    wait_served(secure, "ocean.localhost", serial)
    with (
        socket.create_connection(("127.0.0.1", https_port(secure)), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="ocean.localhost") as secured,
    ):
        secured.sendall(b"GET /hub/ HTTP/1.1\r\nHost: ocean.localhost\r\nConnection: close\r\n\r\n")
        answer = secured.makefile("rb").read().lower()
    assert b"strict-transport-security: max-age=31536000\r\n" in answer
    assert b'["x-forwarded-proto", "https"]' in answer


def test_https_servers_need_a_known_signer(make_proxy: MakeProxy, tmp_path: Path) -> None:
    """A server with an https target is served when its certificate is signed by `target_ca`, and only then."""
    good, bad = self_signed(["127.0.0.1"]), self_signed(["127.0.0.1"])
    (tmp_path / "ca.pem").write_text(good)
    servers = [tls_server(tmp_path / f"{name}.pem", pem) for name, pem in (("good", good), ("bad", bad))]
    proxy = make_proxy(target_ca=str(tmp_path / "ca.pem"))
    proxy.add("/user/good", f"https://127.0.0.1:{servers[0].server_port}", user="good")
    proxy.add("/user/bad", f"https://127.0.0.1:{servers[1].server_port}", user="bad")
    assert ask(proxy.port, "/user/good/", host="ocean.localhost").status == 200
    assert ask(proxy.port, "/user/bad/", host="ocean.localhost").status == 503
    for server in servers:
        server.shutdown()
        server.server_close()


def tls_server(path: Path, pem: str) -> ThreadingHTTPServer:
    """Start a server with a certificate."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    path.write_text(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server
