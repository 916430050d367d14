"""`python -m hubfleet.agent.network prepare|remove SETTINGS.json`: what all servers' networks share, without the agent.

The agent prepares it at each start, and removes it when it is told to end while no server runs. This is for whoever
needs the host's own address before the agent runs, or removes what is left after it was killed.
"""

import asyncio
import json
import logging
import sys
from pathlib import Path

from hubfleet._kit import logs
from hubfleet.agent import parts
from hubfleet.agent.launchers import networking
from hubfleet.errors import HubfleetError
from hubfleet.model.settings.agent import AgentSettings

_log = logging.getLogger("hubfleet.agent.network")


def main() -> int:
    """Do what is asked; 2: asked wrongly, 1: it cannot be done here."""
    logs.set_up()
    if len(sys.argv) != 3 or sys.argv[1] not in {"prepare", "remove"}:
        _log.error("usage: python -m hubfleet.agent.network prepare|remove SETTINGS.json")
        return 2
    try:
        settings = AgentSettings.model_validate(json.loads(Path(sys.argv[2]).read_bytes()))
        network = networking.choose(settings, parts.label(settings))
        asyncio.run(network.prepare() if sys.argv[1] == "prepare" else network.remove())
    except (OSError, ValueError) as error:
        _log.error("settings %s: %s", sys.argv[2], error)
        return 2
    except HubfleetError as error:
        _log.error("%s%s", error, f"; hint: {error.hint}" if error.hint else "")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
