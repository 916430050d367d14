"""Progress of an apply: a moving line on a terminal, plain lines elsewhere."""

import sys
from types import TracebackType
from typing import Self

from hubfleet.cli import console
from hubfleet.plan.actions import Action
from hubfleet.plan.applier import StepState

_SHOWN: dict[StepState, str] = {
    "done": "done",
    "failed": "FAILED",
    "put back": "put back",
    "left alone": "left alone",
}


class Progress:
    """Shows what is going on; use as a context."""

    def __init__(self) -> None:
        self._moving = sys.stderr.isatty()
        self._title = ""
        self._said = ""
        self._status: object = None

    def __enter__(self) -> Self:
        if self._moving:
            from rich.console import Console
            from rich.status import Status

            self._status = Status("", console=Console(stderr=True))
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()  # type: ignore[attr-defined]  # rich is imported where it is used

    def step(self, action: Action, state: StepState, text: str) -> None:
        """Show a step of an apply."""
        self._title = action.resource.id
        if state in _SHOWN:
            console.note(f"  {action.title}: {_SHOWN[state]}{f' ({text})' if text else ''}")
        elif text or self._moving:
            self.tell(text or "starts")

    def tell(self, text: str) -> None:
        """Show what is going on within a step."""
        line = f"{self._title}: {text}" if self._title else text
        if self._status is not None:
            self._status.update(line)  # type: ignore[attr-defined]  # as above
        elif line != self._said:
            console.note(f"  {line}")
        self._said = line
