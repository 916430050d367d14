"""An agent that kills itself (SIGKILL) at one step of its first start: `crashing_agent.py STEP saved|made SETTINGS`.

`made`: the step was carried out and its state not saved yet; `saved`: its state was saved and the next step not begun.
"""

import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from hubfleet.agent import app, parts
from hubfleet.agent.launchers.base import LauncherState, LaunchRequest
from hubfleet.agent.launchers.process import ProcessLauncher
from hubfleet.model.settings.agent import AgentSettings


def main() -> None:
    step, moment = int(sys.argv[1]), sys.argv[2]
    settings = AgentSettings.model_validate(json.loads(Path(sys.argv[3]).read_text()))
    launcher = parts.make_launcher(settings)
    assert isinstance(launcher, ProcessLauncher)
    start = launcher.start

    async def crashing(request: LaunchRequest) -> AsyncIterator[LauncherState]:
        number = 0
        async for state in start(request):
            if number == step and moment == "made":
                os.kill(os.getpid(), signal.SIGKILL)
            yield state
            if number == step:
                os.kill(os.getpid(), signal.SIGKILL)
            number += 1

    launcher.start = crashing  # type: ignore[method-assign]
    app.run(settings, launcher)


if __name__ == "__main__":
    main()
