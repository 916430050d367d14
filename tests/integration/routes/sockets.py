"""Bytes on sockets: what a browser's library would not send, and connections that stay open."""

import base64
import hashlib
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_RFC_6455 = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def raw(port: int, request: bytes, *, timeout_s: float = 10) -> bytes:
    """Send bytes to a port of 127.0.0.1 and return all that comes back until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        connection.sendall(request)
        answer = b""
        try:
            while piece := connection.recv(65536):
                answer += piece
        except TimeoutError:
            pass
        return answer


def status(answer: bytes) -> int:
    """Return the status of the first answer."""
    return int(answer.split(b" ", 2)[1])


class EchoServer:
    """Accepts any upgrade and echoes what comes then: a websocket as a proxy sees one."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop accepting."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            received = b""
            while b"\r\n\r\n" not in received:
                if not (piece := connection.recv(65536)):
                    return
                received += piece
            key = re.search(rb"(?i)sec-websocket-key: *(\S+)", received)
            accept = base64.b64encode(hashlib.sha1((key[1] if key else b"") + _RFC_6455).digest())
            connection.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
            )
            with suppress(ConnectionError):
                while piece := connection.recv(65536):
                    connection.sendall(piece)


class OpenSocket:
    """A websocket that a person has open."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def echo(self, text: bytes) -> bytes:
        """Send bytes and return as many as were sent."""
        self._connection.sendall(text)
        answer = b""
        while len(answer) < len(text):
            piece = self._connection.recv(65536)
            if not piece:
                raise ConnectionError("the websocket was cut")
            answer += piece
        return answer


@contextmanager
def open_websocket(port: int, host: str, path: str, *, context: ssl.SSLContext | None = None) -> Iterator[OpenSocket]:
    """Open a websocket through the proxy."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        connection = context.wrap_socket(plain, server_hostname=host) if context else plain
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = connection.recv(65536)
            if not piece:
                raise ConnectionError(f"no upgrade: {answer!r}")
            answer += piece
        if status(answer) != 101:
            raise ConnectionError(f"no upgrade: {answer[:200]!r}")
        yield OpenSocket(connection)
