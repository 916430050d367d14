"""The warm parent: has the server's code imported, and forks a server of it for each start.

It is read as text and run by the base software's Python, so it uses the standard library only and knows nothing of
hubfleet. It holds no secret and nothing of a person: what a start needs comes with it, as descriptors and as text in
memory. What it forks joins a sandbox that bubblewrap has made, and gives up every right before it reads a byte of what
people chose. It has to be root for that, and imports nothing but the base software.
"""

import atexit
import ctypes
import gc
import importlib
import json
import os
import resource
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

NAMESPACES = {
    "net": 0x40000000,
    "ipc": 0x08000000,
    "uts": 0x04000000,
    "cgroup": 0x02000000,
    "pid": 0x20000000,
    # last: what is opened after it is the sandbox's
    "mnt": 0x00020000,
}
"""Flags of setns(2), in the order in which they are joined."""
DESCRIPTORS_MAX = 32
_CAPABILITIES_MAX = 64
_PR_CAPBSET_DROP, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 24, 4, 38, 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION = 0x20080522
_libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Import, then fork whenever the agent asks; end when it is gone."""
    line = socket.socket(fileno=int(sys.argv[1]))
    told = json.loads(line.recv(1 << 16))
    for name in told["without"]:
        sys.modules[name] = None  # type: ignore[assignment]  # counts as not installed
    for name in told["modules"]:
        with suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()
    line.send(str(threading.active_count()).encode())
    while True:
        raw, descriptors, _, _ = socket.recv_fds(line, 1 << 16, DESCRIPTORS_MAX)
        if not raw:
            return
        child = os.fork()
        if child == 0:
            line.close()
            _guarded(json.loads(raw), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        line.send(str(os.waitpid(child, 0)[1]).encode())


def _guarded(told: dict[str, Any], descriptors: list[int]) -> NoReturn:
    """Become a server, or end without the parent's own way out."""
    try:
        _join(told, dict(zip(told["descriptors"], descriptors, strict=True)))
    except BaseException as error:  # noqa: BLE001 - nothing of it may go on in the parent's code
        with suppress(OSError):
            os.write(2, f"the server's process could not be made: {error!r}\n".encode())
    os._exit(1)


def _join(told: dict[str, Any], given: dict[str, int]) -> None:
    for name, descriptor in given.items():
        if name.startswith("group-"):
            os.write(descriptor, b"0\n")
    os.setsid()
    for name, flag in NAMESPACES.items():
        if name in given and _libc.setns(given[name], flag):
            raise OSError(ctypes.get_errno(), f"setns {name}")
    # a process namespace counts for children only
    _go_on_in_a_child(wait=True)
    # whose parent is gone belongs to the first process of the namespace
    _go_on_in_a_child(wait=False)
    os.dup2(given["log"], 1)
    os.dup2(given["log"], 2)
    with os.fdopen(given["told"], "rb") as text:
        start = json.loads(text.read())
    status = given["status"]
    os.set_inheritable(status, False)
    os.closerange(3, status)
    os.closerange(status + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    os.close(0)
    # the lowest number that is free
    os.set_inheritable(os.open(os.devnull, os.O_RDONLY), True)
    _drop(told["uid"], told["groups"])
    _serve(start, status)


def _go_on_in_a_child(*, wait: bool) -> None:
    child = os.fork()
    if child:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) if wait else 0)


def _drop(uid: int, groups: list[int]) -> None:
    """Give up every right, for good."""
    for capability in range(_CAPABILITIES_MAX):
        _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    os.setgroups(groups)
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    if _libc.capset(header, (ctypes.c_uint32 * 6)()) or _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "rights stay")
    # as after an exec, or nobody could read the process's own files in /proc
    _libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)


def _serve(start: dict[str, Any], status: int) -> NoReturn:
    os.environ.clear()
    code = 1
    try:
        program: dict[str, Any] = {"__name__": "start", "__file__": start["program"]}
        text = Path(start["program"]).read_text()
        exec(compile(text, start["program"], "exec"), program)  # noqa: S102 - ours, as a plain start runs it
        os.environ.update(program["prepare"](start))
        sys.argv = ["-c"]
        exec(compile(start["command"][-1], "<server>", "exec"), {"__name__": "__main__"})  # noqa: S102
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        if isinstance(error.code, str):
            os.write(2, f"{error.code}\n".encode())
    except BaseException:  # noqa: BLE001 - as Python itself would end
        sys.excepthook(*sys.exc_info())
    atexit._run_exitfuncs()
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os.write(status, f"{code}\n".encode())
    os._exit(code)


if __name__ == "__main__":
    main()
