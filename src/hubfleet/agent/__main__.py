"""`python -m hubfleet.agent SETTINGS.json`: the agent as a program."""

import json
import logging
import sys
from pathlib import Path

from hubfleet._kit import logs
from hubfleet.agent import app
from hubfleet.errors import HubfleetError
from hubfleet.model.settings.agent import AgentSettings

_log = logging.getLogger("hubfleet.agent")


def main() -> int:
    """Serve until told to end; 2: the settings are wrong, 1: it cannot run here."""
    logs.set_up()
    if len(sys.argv) != 2:
        _log.error("usage: python -m hubfleet.agent SETTINGS.json")
        return 2
    try:
        settings = AgentSettings.model_validate(json.loads(Path(sys.argv[1]).read_bytes()))
    except (OSError, ValueError) as error:
        _log.error("settings %s: %s", sys.argv[1], error)
        return 2
    try:
        app.run(settings)
    except HubfleetError as error:
        _log.error("%s%s", error, f"; hint: {error.hint}" if error.hint else "")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
