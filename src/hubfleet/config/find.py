"""Where the fleet's folder is."""

from pathlib import Path

from hubfleet.errors import ConfigError

FLEET_FILE = "fleet.yaml"


def fleet_folder(start: Path) -> Path:
    """Return the nearest folder, from `start` upwards, that holds a fleet.yaml.

    Raises:
        ConfigError: there is none.
    """
    start = start.absolute()
    for folder in (start, *start.parents):
        if (folder / FLEET_FILE).is_file():
            return folder
    raise ConfigError(
        f"no {FLEET_FILE} in {start} or a folder above it",
        hint="go to a fleet's folder, name one with --fleet DIR, or make one with `hubfleet init DIR`",
    )
