"""An agent in a network namespace that a test made: `agent_elsewhere.py NAMESPACE SETTINGS`."""

import json
import sys
from pathlib import Path

from hubfleet.agent import app
from hubfleet.model.settings.agent import AgentSettings
from namespaces import enter


def main() -> None:
    enter(sys.argv[1])
    app.run(AgentSettings.model_validate(json.loads(Path(sys.argv[2]).read_text())))


if __name__ == "__main__":
    main()
