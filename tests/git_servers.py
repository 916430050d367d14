"""Real git repositories behind a real git server on loopback: git's own http-backend, with or without a password."""

import base64
import os
import subprocess  # noqa: TID251 - what git's backend says is bytes
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from hubfleet._kit import process

_BACKEND = "/usr/lib/git-core/git-http-backend"


@dataclass
class Repository:
    """One repository on the server, made by commits of a test."""

    folder: Path
    url: str

    def commit(
        self, files: Mapping[str, str], *, at: str = "2024-06-01T12:00:00Z", links: Mapping[str, str] | None = None
    ) -> str:
        """Write files (and symbolic links), commit them at a date, and return the commit."""
        for path, text in files.items():
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        for path, aim in (links or {}).items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).symlink_to(aim)
        self.git("add", "-A")
        self.git("commit", "--quiet", "--allow-empty", "-m", "a change", at=at)
        return self.git("rev-parse", "HEAD")

    def link(self, path: str, commit: str, url: str) -> None:
        """Make a folder a submodule, of the next commit."""
        (self.folder / path).mkdir(parents=True, exist_ok=True)
        with (self.folder / ".gitmodules").open("a") as file:
            file.write(f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n')
        self.git("add", ".gitmodules")
        self.git("update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")

    def git(self, *arguments: str, at: str = "2024-06-01T12:00:00Z", stdin: str = "") -> str:
        """Run git in the repository."""
        person = {"GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@example.org"}
        person |= {"GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@example.org"}
        variables = {
            **os.environ,
            **person,
            "GIT_AUTHOR_DATE": at,
            "GIT_COMMITTER_DATE": at,
            "HOME": "/nonexistent",
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        return process.run(["git", "-C", str(self.folder), *arguments], env=variables, stdin=stdin).stdout.strip()


@dataclass
class GitServer:
    """A server and its repositories."""

    folder: Path
    port: int
    password: str = ""
    given: list[str] = field(default_factory=list)
    """What clients said to be let in."""
    refuse: int = 0
    """Status with which everything is answered; 0: what git says."""

    def repository(self, name: str, files: Mapping[str, str] | None = None, **more: str) -> Repository:
        """Make a repository with one commit."""
        folder = self.folder / name
        folder.mkdir(parents=True)
        made = Repository(folder, f"http://127.0.0.1:{self.port}/{name}")
        made.git("init", "--quiet", "--initial-branch=main")
        made.git("config", "http.receivepack", "false")
        made.git("config", "uploadpack.allowFilter", "true")
        if files is not None:
            made.commit(files, **more)
        return made


class _Answers(BaseHTTPRequestHandler):
    """Hands each request to git."""

    served: GitServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self._body())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        whole = b""
        while size := int(self.rfile.readline(), 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return whole

    def _answer(self, body: bytes) -> None:
        given = self.headers.get("Authorization", "")
        self.served.given.append(given)
        if self.served.refuse:
            self._say(self.served.refuse, {"Location": "http://127.0.0.1:1/elsewhere"}, b"")
        elif self.served.password and not _knows(given, self.served.password):
            self._say(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
        else:
            self._say(*self._backend(body))

    def _backend(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        path, _, query = self.path.partition("?")
        variables = {
            "GIT_PROJECT_ROOT": str(self.served.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REMOTE_ADDR": "127.0.0.1",
            "PATH": os.environ["PATH"],
        }
        done = subprocess.run([_BACKEND], input=body, env=variables, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        lines = [line.partition(": ") for line in head.decode().split("\r\n")]
        headers = {name: value for name, _, value in lines}
        return int(headers.pop("Status", "200").split()[0]), headers, content

    def _say(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Keep quiet."""


@contextmanager
def git_server(folder: Path, *, password: str = "", refuse: int = 0) -> Iterator[GitServer]:
    """Serve the repositories below a folder for the length of a block; with a password, to who knows it only."""
    served = GitServer(folder, 0, password, refuse=refuse)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Answers", (_Answers,), {"served": served}))
    server.daemon_threads = True
    served.port = int(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _knows(given: str, password: str) -> bool:
    kind, _, rest = given.partition(" ")
    return kind == "Basic" and base64.b64decode(rest).decode().partition(":")[2] == password
