"""What commands that read a fleet share: the --fleet option, and a load whose places can be clicked on."""

import os
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from hubfleet.config.find import fleet_folder
from hubfleet.config.load import Loaded, load
from hubfleet.errors import ConfigErrors, Where
from hubfleet.hub.checks import check_traits

FleetOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--fleet", metavar="DIR", help="Folder with fleet.yaml; default: the nearest parent that has one"),
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="For another program")]


def folder(given: Path | None) -> Path:
    """Return the fleet's folder."""
    return given if given is not None else fleet_folder(Path.cwd())


def load_fleet(given: Path | None) -> Loaded:
    """Load the fleet with all checks that there are.

    Raises:
        ConfigErrors: with places as seen from the current folder.
    """
    directory = folder(given)
    try:
        return load(directory, also=(check_traits,))
    except ConfigErrors as errors:
        for error in errors.errors:
            error.where = seen_from_here(error.where, directory) if error.where else None
        raise


def seen_from_here(where: Where, directory: Path) -> Where:
    """Return a place with its file's path from the current folder, where it is a file."""
    path = directory / where.file
    if not path.exists():
        return where
    return Where(os.path.relpath(path), where.line)
