"""Why a server ended, in words for its person."""

import pytest

from hubfleet.agent.launchers import causes
from hubfleet.protocol.messages import StopReason


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("OSError: [Errno 98] Address already in use", "port"),
        ("ModuleNotFoundError: No module named 'jupyterlab'", "'jupyterlab'"),
        ("PermissionError: [Errno 13] Permission denied: '/home/jovyan/.local'", "'/home/jovyan/.local'"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("MemoryError", "out of memory"),
        ("bwrap: loopback: Failed RTM_NEWADDR: File exists", "sandbox could not be made"),
    ],
)
def test_a_known_cause_is_named_with_a_next_step(line: str, said: str) -> None:
    """The last lines of a log become a sentence and a hint."""
    message, hint = causes.of_log(f"starting\n{line}\n")
    assert said in message
    assert hint


def test_an_unknown_cause_is_not_made_up() -> None:
    """Lines that say nothing known give the status only."""
    assert causes.of_log("hello\n") == ("", "")
    assert causes.ended(3, "hello", out_of_memory=False).message == "the server ended with status 3"


@pytest.mark.parametrize(
    ("status", "out_of_memory", "reason"),
    [
        (137, True, StopReason.MEMORY),
        (137, False, StopReason.KILLED),
        (143, False, StopReason.KILLED),
        (0, False, StopReason.EXITED),
        (1, True, StopReason.EXITED),
        (None, False, StopReason.EXITED),
        (None, True, StopReason.MEMORY),
    ],
)
def test_the_exit_code_gives_the_reason(status: int | None, out_of_memory: bool, reason: StopReason) -> None:
    """Memory, signals and exits are told apart; an earlier kernel's end does not blame memory for an exit."""
    assert causes.ended(status, "", out_of_memory=out_of_memory).reason is reason
