"""What keeps a machine's programs up: our supervisor, or systemd. The platform knows nothing else of either."""

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from hubfleet._kit.logs import redact
from hubfleet._kit.process import ProcessId
from hubfleet.errors import PlatformError
from hubfleet.model.program import Program
from hubfleet.platforms.machine.keeper import Status
from hubfleet.platforms.machine.places import Places

HEALTHY_S = 120.0
"""How long a program may take, those that it waits for included."""
LOOK_S = 0.05
MAX_WORDS = 600
"""What is shown of a program's last line, which may end with what to do."""

ERROR = re.compile(r"\s*[\w.]+(Error|Exception): ")
"""The line that names a Python error."""


class Upkeep(ABC):
    """Keeps the programs of one data folder up; made for one command, which it outlives."""

    lasting: ClassVar[bool] = False
    """Whether it starts programs again after a reboot."""

    def __init__(self, places: Places) -> None:
        """Make it; nothing is touched yet."""
        self.places = places

    @abstractmethod
    def runs(self) -> bool:
        """Say whether it keeps anything up now; changes nothing."""

    @abstractmethod
    def ensure(self) -> None:
        """Begin, and start what ran before; silent where it runs already.

        Raises:
            PlatformError: it cannot.
        """

    @abstractmethod
    def status(self) -> Mapping[str, Status]:
        """Return what each program does; empty where nothing is kept up."""

    @abstractmethod
    def processes(self, programs: Sequence[Program]) -> tuple[ProcessId | None, ...]:
        """Return the processes of programs; None for what does not run."""

    @abstractmethod
    def put(self, program: Program) -> None:
        """Start a program, or restart or reload it with what changed; silent if it runs unchanged. Does not wait."""

    @abstractmethod
    def restart(self, name: str) -> None:
        """Start a program again."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """End a program and forget it; silent if there is none."""

    @abstractmethod
    def end(self) -> None:
        """End all programs, those that others wait for last; they are known still; silent where none runs."""

    def wait_healthy(self, name: str) -> None:
        """Wait until a program answers its health check.

        Raises:
            PlatformError: it does not within its time, or ends again and again.
        """
        end = time.monotonic() + HEALTHY_S
        while time.monotonic() < end:
            status = self.status().get(name)
            if status is not None and status.state == "healthy":
                return
            if status is not None and status.restarts >= 3:
                break
            time.sleep(LOOK_S)
        status = self.status().get(name)
        detail = f" ({status.detail})" if status and status.detail else ""
        raise PlatformError(
            f"program {name!r} does not come up{detail}",
            hint=f"its last words: {self._last_words(name)} (more: hubfleet logs {name})",
        )

    def _last_words(self, name: str) -> str:
        log = self.places.logs / f"{name}.log"
        lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        # what follows a Python error's own line tells less than it
        errors = [line for line in lines[-30:] if ERROR.match(line)]
        return redact((errors or lines)[-1].strip()[:MAX_WORDS]) if lines else "none"


def only_reload(old: Program, new: Program) -> bool:
    """Say whether a changed program can go on and read its files again."""
    if not new.reload_signal:
        return False
    kept = set(new.keeps)
    stays = {"files": tuple(file for file in new.files if file.path not in kept)}
    was = {"files": tuple(file for file in old.files if file.path not in kept)}
    return old.model_copy(update=was) == new.model_copy(update=stays)
