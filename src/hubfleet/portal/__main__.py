"""`python -m hubfleet.portal SETTINGS.json`."""

import argparse
import logging
import sys
from pathlib import Path

from hubfleet._kit import logs
from hubfleet.errors import HubfleetError
from hubfleet.portal.app import run
from hubfleet.portal.settings import read_settings


def main() -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="python -m hubfleet.portal", description="A hub's second front.")
    parser.add_argument("settings", type=Path)
    chosen = parser.parse_args()
    logs.set_up()
    # each start would tell of each table
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        run(read_settings(chosen.settings))
    except HubfleetError as error:
        logging.getLogger("hubfleet.portal").error("%s; hint: %s", error, error.hint)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
