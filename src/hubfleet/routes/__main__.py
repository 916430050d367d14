"""`python -m hubfleet.routes SETTINGS.json`."""

import argparse
import logging
import sys
from pathlib import Path

from hubfleet._kit import logs
from hubfleet.errors import HubfleetError
from hubfleet.routes.app import run
from hubfleet.routes.settings import read_settings


def main() -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="python -m hubfleet.routes", description="The proxy's REST API for hubs.")
    parser.add_argument("settings", type=Path)
    chosen = parser.parse_args()
    logs.set_up()
    try:
        run(read_settings(chosen.settings))
    except HubfleetError as error:
        logging.getLogger("hubfleet.routes").error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
