"""Commands: the only place that starts them.

A process is named by its id and its start time, so that an id used again after a reboot is never taken for the old one.
"""

import asyncio
import codecs
import os
import select
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from hubfleet.errors import CommandError

_DRAIN_S = 5.0
MAX_OUTPUT_CHARACTERS = 50_000_000
"""What a command may say where its output is kept in memory; strangers' code writes without end."""
Child = subprocess.Popen[bytes]
"""A process that `spawn` started; whoever holds it reaps it."""


@dataclass(frozen=True)
class ProcessId:
    """A process that may be another's child: its id and the kernel's start time of it, in clock ticks since boot."""

    pid: int
    start_ticks: int

    @classmethod
    def of(cls, pid: int) -> "ProcessId | None":
        """Return the name of a process that runs now, or None."""
        ticks = _start_ticks(pid)
        return None if ticks is None else cls(pid, ticks)

    def alive(self) -> bool:
        """Say whether just this process runs (a zombie does not)."""
        return _start_ticks(self.pid) == self.start_ticks


@dataclass(frozen=True)
class Finished:
    """What a command that has ended left behind."""

    status: int
    stdout: str
    stderr: str


def boot_id() -> str:
    """Return what changes with each start of the machine: start times of processes count from there."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
    timeout_s: float = 60,
    check: bool = True,
) -> Finished:
    """Run a command to its end.

    Raises:
        CommandError: it cannot be started, took too long, or (with `check`) ended with another status than 0.
    """
    try:
        done = subprocess.run(
            list(command),
            env=env,
            cwd=cwd,
            input=stdin,
            timeout=timeout_s,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise CommandError(f"cannot start {command[0]!r}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{command[0]!r} took longer than {timeout_s:g} s") from error
    finished = Finished(done.returncode, done.stdout, done.stderr)
    if check and finished.status:
        raise CommandError(f"{command[0]!r} ended with status {finished.status}", hint=_last_line(finished))
    return finished


async def run_async(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str = "",
    pass_fds: Sequence[int] = (),
    timeout_s: float = 60,
    check: bool = True,
    each_line: Callable[[str], None] | None = None,
) -> Finished:
    """Run a command to its end without blocking the loop; the same errors as `run`. It is killed when cancelled.

    Args:
        command: what to run.
        env: its whole environment.
        cwd: where.
        stdin: what it reads.
        pass_fds: descriptors that it inherits.
        timeout_s: how long it may take.
        check: whether another status than 0 is an error.
        each_line: gets each line of its output as it comes.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=env,
            cwd=cwd,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=tuple(pass_fds),
        )
    except OSError as error:
        raise CommandError(f"cannot start {command[0]!r}: {error.strerror}") from error
    try:
        async with asyncio.timeout(timeout_s):
            _, out, err = await asyncio.gather(
                _tell(process, stdin), _read(process, process.stdout, each_line), _read(process, process.stderr, None)
            )
            await process.wait()
    except BaseException as error:
        await _kill(process)
        if isinstance(error, TimeoutError):
            raise CommandError(f"{command[0]!r} took longer than {timeout_s:g} s") from error
        raise
    if max(len(out), len(err)) > MAX_OUTPUT_CHARACTERS:
        raise CommandError(f"{command[0]!r} said more than {MAX_OUTPUT_CHARACTERS:,} characters")
    finished = Finished(process.returncode or 0, out, err)
    if check and finished.status:
        raise CommandError(f"{command[0]!r} ended with status {finished.status}", hint=_last_line(finished))
    return finished


def spawn(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    output: Path | None = None,
    stdin: int = subprocess.DEVNULL,
    pass_fds: Sequence[int] = (),
    user: tuple[int, int] | None = None,
    groups: Sequence[int] = (),
    umask: int = 0o077,
) -> "subprocess.Popen[bytes]":
    """Start a process in a session of its own, which outlives us; its output is appended to a file (mode 0600).

    Raises:
        CommandError: it cannot be started.
    """
    try:
        target = os.open(output or Path(os.devnull), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CommandError(f"cannot start {command[0]!r}: {output}: {error.strerror}") from error
    try:
        return subprocess.Popen(
            list(command),
            env=dict(env),
            cwd=cwd,
            stdin=stdin,
            stdout=target,
            stderr=target,
            pass_fds=tuple(pass_fds),
            start_new_session=True,
            user=user[0] if user else None,
            group=user[1] if user else None,
            extra_groups=list(groups) if user else None,
            umask=umask,
        )
    except OSError as error:
        raise CommandError(f"cannot start {command[0]!r}: {error.strerror or error}") from error
    finally:
        os.close(target)


def become(command: Sequence[str], *, program: str) -> NoReturn:
    """Be replaced by a program, which sees `command` as its name and arguments; it keeps our id and environment.

    Raises:
        CommandError: it cannot be started.
    """
    try:
        os.execv(program, list(command))
    except OSError as error:
        raise CommandError(f"cannot start {program!r}: {error.strerror}") from error


def end(process: ProcessId, *, grace_s: float, group: bool = True) -> bool:
    """End a process (and, with `group`, its process group): SIGTERM, then SIGKILL after the grace. Blocks.

    Returns:
        Whether it ended within the grace.
    """
    if not process.alive():
        return True
    handle = _pidfd(process)
    if handle is None:
        return True
    try:
        send(process, signal.SIGTERM, group=group)
        if _ended(handle, grace_s):
            return True
        send(process, signal.SIGKILL, group=group)
        _ended(handle, 10)
        return False
    finally:
        os.close(handle)


def send(process: ProcessId, number: int, *, group: bool = False) -> None:
    """Send a signal if just this process still runs; with `group`, to its process group where it leads one."""
    if not process.alive():
        return
    try:
        if group and os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, number)
        else:
            os.kill(process.pid, number)
    except ProcessLookupError:
        return


def wait_ended(process: ProcessId, timeout_s: float) -> bool:
    """Wait until a process, anybody's child, has ended; say whether it has. Blocks."""
    handle = _pidfd(process)
    if handle is None:
        return True
    try:
        return _ended(handle, timeout_s)
    finally:
        os.close(handle)


async def wait_gone(process: ProcessId) -> None:
    """Wait until a process, ours or another's child, has ended; the one who started it must reap it."""
    handle = _pidfd(process)
    if handle is None:
        return
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    loop.add_reader(handle, gone.set)
    try:
        await gone.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


async def _tell(process: asyncio.subprocess.Process, text: str) -> None:
    if process.stdin is None:
        return
    with suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(text.encode())
        await process.stdin.drain()
    process.stdin.close()


async def _kill(process: asyncio.subprocess.Process) -> None:
    """End a process and reap it; asyncio sees its end only once nobody has to read its output any more."""
    if process.returncode is not None:
        return
    process.kill()
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_S):
            for stream in (process.stdout, process.stderr):
                while stream is not None and await stream.read(65536):
                    pass
            await process.wait()


async def _read(
    process: asyncio.subprocess.Process,
    stream: asyncio.StreamReader | None,
    each_line: Callable[[str], None] | None,
) -> str:
    """Read to the end, in pieces rather than lines: a line may be longer than any buffer. Ends who never ends."""
    assert stream is not None
    text, told = "", 0
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    while piece := await stream.read(65536):
        if len(text) > MAX_OUTPUT_CHARACTERS:
            with suppress(ProcessLookupError):
                process.kill()
            continue
        text += decoder.decode(piece)
        while each_line and (end := text.find("\n", told)) >= 0:
            each_line(text[told:end])
            told = end + 1
    return text


def _pidfd(process: ProcessId) -> int | None:
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return None
    if process.alive():
        return handle
    os.close(handle)
    return None


def _ended(handle: int, timeout_s: float) -> bool:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(timeout_s * 1000))


def _start_ticks(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def _last_line(finished: Finished) -> str:
    lines = (finished.stderr.strip() or finished.stdout.strip()).splitlines()
    return lines[-1][:500] if lines else ""
