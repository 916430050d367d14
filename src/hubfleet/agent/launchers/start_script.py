"""Runs a repository's `start` around the server: in the person's sandbox, with the variables of the server.

It is read as text and run by the base software's Python, so it uses the standard library only and knows nothing of
hubfleet. As with repo2docker, the script gets the server's command and goes on as it by `exec "$@"`. This program stays
beside it: it knows by a file whether the script came that far, and writes what went wrong where the agent reads it.
"""

import errno
import os
import signal
import subprocess  # noqa: TID251 - runs alone inside the sandbox, without hubfleet
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

COPY_VARIABLE = "HUBFLEET_COPY"
"""Where the copy of the repository's files is; told by the start program, taken away again here."""
SAYS = "hubfleet: "
"""How lines begin that are for the person."""
_GO_ON = "--go-on"
_LOOK_EVERY_S = 0.1


def main() -> None:
    """Run the script, or go on in its end as the server."""
    if sys.argv[1] == _GO_ON:
        Path(sys.argv[2]).touch()
        os.chdir(sys.argv[3])
        os.execv(sys.argv[4], sys.argv[4:])  # noqa: S606 - no shell is the point
    run(sys.argv[1], float(sys.argv[2]), sys.argv[3:])


def run(name: str, limit_s: float, command: list[str]) -> NoReturn:
    """Run a script of the copy with the server's command, and end as it does.

    Args:
        name: its path in the copy.
        limit_s: how long it may take to come to `exec "$@"`.
        command: the server's.
    """
    copy = Path(os.environ.pop(COPY_VARIABLE))
    script = copy / name
    if not script.is_file():
        # its person has removed it
        os.execv(command[0], command)  # noqa: S606
    _allow(script)
    came = Path(tempfile.mkdtemp(prefix=".hubfleet-start-")) / "came"
    whole = [str(script), sys.executable, "-I", __file__, _GO_ON, str(came), str(Path.cwd()), *command]
    try:
        child = subprocess.Popen(whole, cwd=copy, process_group=0)
    except OSError as error:
        _fail(f"the repository's {name} cannot be run: {_why(error)}")
    signal.signal(signal.SIGTERM, lambda number, _: _send(child, number))
    end = time.monotonic() + limit_s
    while not came.exists():
        try:
            _before_its_time(name, child.wait(_LOOK_EVERY_S), came)
        except subprocess.TimeoutExpired:
            if time.monotonic() > end:
                _send(child, signal.SIGKILL)
                _fail(f'the repository\'s {name} did not come to `exec "$@"` within {limit_s:g} s')
    status = child.wait()
    sys.exit(status if status >= 0 else 128 - status)


def _before_its_time(name: str, status: int, came: Path) -> None:
    if came.exists():
        return
    if status:
        how = f"with status {status}" if status > 0 else f"by signal {-status}"
        _fail(f"the repository's {name} ended {how} before the server could start")
    _fail(f'the repository\'s {name} ended without `exec "$@"`, so that no server started')


def _allow(script: Path) -> None:
    """Let it be run, as repo2docker does, whether or not git says that it is a program."""
    if not os.access(script, os.X_OK):
        try:
            script.chmod(script.stat().st_mode | 0o100)
        except OSError as error:
            print(f"{script} cannot be made a program: {error}", file=sys.stderr)  # noqa: T201 - the server's own log


def _why(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "its first line names no program of this machine, or ends as lines of Windows do"
    return "it has no first line such as #!/bin/bash" if error.errno == errno.ENOEXEC else str(error.strerror)


def _send(child: "subprocess.Popen[bytes]", number: int) -> None:
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        return


def _fail(text: str) -> NoReturn:
    print(f"{SAYS}{text}", file=sys.stderr, flush=True)  # noqa: T201 - read by the agent
    sys.exit(1)


if __name__ == "__main__":
    main()
