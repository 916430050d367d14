"""Answers an authority's HTTP-01 challenges (RFC 8555, section 8.3) on loopback; the proxy routes them here."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from hubfleet.model.settings.routes import Address

PATH = "/.well-known/acme-challenge/"


class Challenges:
    """Tokens that are asked for just now, and what each is answered with."""

    def __init__(self) -> None:
        self._answers: dict[str, str] = {}

    @contextmanager
    def answered(self, token: str, answer: str) -> Iterator[None]:
        """Answer a token for the length of a block."""
        self._answers[token] = answer
        try:
            yield
        finally:
            self._answers.pop(token, None)

    def answer(self, path: str) -> str | None:
        """Return what a path is answered with, or None."""
        if path == "/healthz":
            return "ok"
        return self._answers.get(path.removeprefix(PATH)) if path.startswith(PATH) else None


@contextmanager
def served(challenges: Challenges, address: Address) -> Iterator[int]:
    """Answer challenges in threads of their own for the length of a block, which gets the port."""

    class Answering(BaseHTTPRequestHandler):
        """One request."""

        timeout = 10

        def do_GET(self) -> None:
            """Answer from what is asked for just now."""
            found = challenges.answer(self.path)
            body = (found or "").encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Write nothing: the proxy logs."""

    server = ThreadingHTTPServer((str(address.address), address.port), Answering)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.1,), name="challenges", daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
