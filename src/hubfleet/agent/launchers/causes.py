"""Why a server ended, from its exit code and its last lines, in words for its person. Pure."""

import re

from hubfleet.agent.launchers.base import Health
from hubfleet.protocol.messages import StopReason

_SIGNALS = {128 + 9, 128 + 15, 128 + 2, 128 + 1}

_CAUSES = (
    (
        # the last line: a log goes on where an earlier start left it
        re.compile(r"(?m)^hubfleet: (?P<name>the repository's .{1,300})\s*\Z"),
        "{name}",
        "see the server's log for what it said; to mend it, start with the hub's own software and no files",
    ),
    (
        re.compile(r"Address already in use|port \d+ is already in use", re.IGNORECASE),
        "another program uses the server's port",
        "start the server again",
    ),
    (
        re.compile(r"No space left on device|disk quota exceeded|database or disk is full", re.IGNORECASE),
        "the disk is full",
        "delete files that you do not need, or ask your hub's admins for more room",
    ),
    (
        re.compile(r"No module named ['\"]?(?P<name>[\w.]+)"),
        "the software lacks the module {name!r}",
        "undo your last installation (delete the folder `.hubfleet` in your home), or choose another environment",
    ),
    (
        re.compile(r"MemoryError|Cannot allocate memory"),
        "the server ran out of memory while it started",
        "choose a profile with more memory",
    ),
    (
        re.compile(r"Permission denied: ['\"]?(?P<name>[^\s'\"]+)"),
        "the server may not use {name!r}",
        "check that file's permissions, or ask your hub's admins",
    ),
    (
        re.compile(r"JSONDecodeError|Error loading config|Invalid JSON", re.IGNORECASE),
        "a settings file of Jupyter in your home is damaged",
        "move `.jupyter` in your home away and start again",
    ),
    (
        re.compile(r"(?m)^bwrap: (?P<name>.{1,200})$"),
        "the server's sandbox could not be made: {name}",
        "start the server again; if that does not help, show this to your hub's admins",
    ),
)


def of_log(log: str) -> tuple[str, str]:
    """Return message and hint for the first known cause in a server's last lines; empty strings if none is known."""
    for pattern, message, hint in _CAUSES:
        found = pattern.search(log)
        if found:
            return message.format(**found.groupdict()), hint
    return "", ""


def ended(status: int | None, log: str, *, out_of_memory: bool) -> Health:
    """Return the health of a server that is gone.

    Args:
        status: bubblewrap's exit code (128 and the signal's number for a signal); None if nobody saw it.
        log: its last lines.
        out_of_memory: whether the kernel ended a process of it for its memory.
    """
    if out_of_memory and status in {None, 128 + 9}:
        return Health(
            "gone",
            StopReason.MEMORY,
            "the server used more memory than it may",
            "choose a profile with more memory, or load less at once",
        )
    if status is not None and status in _SIGNALS:
        return Health("gone", StopReason.KILLED, "something ended the server", "start it again")
    message, hint = of_log(log)
    if status in {0, None} and not message:
        return Health("gone", StopReason.EXITED, "the server ended by itself", "start it again")
    return Health(
        "gone",
        StopReason.EXITED,
        message or f"the server ended with status {status}",
        hint or "see the server's log; your hub's admins can help",
    )


def memory_notice(times: int) -> str:
    """Return what a person reads when kernels of theirs were ended."""
    often = "" if times == 1 else f" ({times} times)"
    return f"a process in the server was ended: it used more memory than the server may{often}"
