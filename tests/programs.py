"""Starts programs for tests, waits until they answer, and ends them: whatever a test started is gone after it."""

import http.client
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import TypeVar

from hubfleet._kit import process
from hubfleet._kit.process import ProcessId

T = TypeVar("T")
OTHERS_REACH_US = os.geteuid() != 0 or all(path.stat().st_mode & 0o001 for path in Path(sys.executable).parents)
"""Whether programs of the project can be started as another user, who cannot pass through root's own folder."""


def free_port(address: str = "127.0.0.1") -> int:
    """Return a port that is free, and that no call returned lately.

    It is none of those that the kernel gives to whoever asks for any (32768 and more), of which one could go to another
    call, or to a connection, before its program listens; nor of those that fleets take (20000 to 29999).
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for port in islice(_PORTS, 2000):
        with socket.socket(family) as asked, suppress(OSError):
            asked.bind((address, port))
            return port
    raise AssertionError(f"no port of {address} is free")


def _ports() -> Iterator[int]:
    """Yield the ports of this worker of the tests, again and again, from somewhere on."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
    own = range(10_240 + worker, 20_000, 8)
    first = os.getpid() % len(own)
    return cycle((*own[first:], *own[:first]))


_PORTS = _ports()


def wait_for(what: str, condition: Callable[[], T], *, timeout_s: float = 30, every_s: float = 0.02) -> T:
    """Ask until the answer is true, and return it; a refused or broken connection counts as no."""
    end = time.monotonic() + timeout_s
    while True:
        try:
            if answer := condition():
                return answer
        except (OSError, http.client.HTTPException):
            pass
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {timeout_s:g} s")
        time.sleep(every_s)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()
    """Each `Set-Cookie` header."""

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


def ask(
    port: int,
    path: str,
    *,
    host: str = "",
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | str | None = None,
    timeout_s: float = 30,
) -> Answer:
    """Send one HTTP request to a port of 127.0.0.1, under another host's name if wished; follows no redirect."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request(method, path, body=body, headers={**({"Host": host} if host else {}), **(headers or {})})
        response = connection.getresponse()
        pairs = {name.lower(): value for name, value in response.getheaders()}
        cookies = tuple(response.headers.get_all("Set-Cookie") or ())
        return Answer(response.status, pairs, response.read(), cookies)
    finally:
        connection.close()


@dataclass
class Running:
    """A program that a test started."""

    name: str
    child: process.Child
    output: Path

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.child.pid

    def log(self) -> str:
        """Return what it wrote so far."""
        return self.output.read_text(errors="replace")

    def wait_http(self, port: int, path: str, *, host: str = "", below: int = 500, timeout_s: float = 60) -> Answer:
        """Wait until it answers with a status below a limit; fail at once with its output when it ends instead."""

        def answered() -> Answer | None:
            assert self.child.poll() is None, f"{self.name} ended: {self.log()[-4000:]}"
            answer = ask(port, path, host=host, timeout_s=5)
            return answer if answer.status < below else None

        try:
            return wait_for(f"{self.name} answers {path}", answered, timeout_s=timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()[-4000:]}") from None

    def kill(self) -> None:
        """Kill -9, and wait until it is gone."""
        self.child.kill()
        self.child.wait()

    def signal(self, number: int) -> None:
        """Send a signal."""
        self.child.send_signal(number)

    def end(self, grace_s: float = 10) -> None:
        """End it and its process group: SIGTERM, then SIGKILL."""
        if self.child.poll() is None:
            if (named := ProcessId.of(self.child.pid)) is not None:
                process.end(named, grace_s=grace_s, group=False)
            self.child.wait()
        with suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)


@dataclass
class Programs:
    """All programs of one test; `started` ends them."""

    folder: Path
    running: list[Running] = field(default_factory=list)

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: tuple[int, int] | None = None,
    ) -> Running:
        """Start a program in a session of its own; its output is appended to `<folder>/<name>.log`."""
        output = self.folder / f"{name}.log"
        started = process.spawn(
            command, env={**os.environ, **(env or {})}, cwd=cwd or self.folder, output=output, user=user, umask=0o022
        )
        program = Running(name, started, output)
        self.running.append(program)
        return program

    def end(self) -> None:
        """End all, the last one first."""
        for program in reversed(self.running):
            program.end()
        self.running.clear()


@contextmanager
def started(folder: Path) -> Iterator[Programs]:
    """Yield a place to start programs in, all of which end with the block."""
    programs = Programs(folder)
    try:
        yield programs
    finally:
        programs.end()
