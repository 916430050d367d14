"""`hubfleet check`: all that is wrong with a fleet's files, and nothing but the files is looked at."""

from pathlib import Path

import typer

from hubfleet.cli import console
from hubfleet.cli.fleet import FleetOption, JsonOption, folder, load_fleet, seen_from_here
from hubfleet.config.load import Loaded
from hubfleet.config.notice import Notice
from hubfleet.errors import ConfigErrors, HubfleetError, Where

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def check(fleet: FleetOption = None, json: JsonOption = False) -> None:
    """Check all files of a fleet and show all errors at once."""
    directory = folder(fleet)
    if json:
        raise typer.Exit(_as_json(directory))
    loaded = load_fleet(directory)
    for warning in loaded.warnings:
        console.notice(Notice(seen_from_here(warning.where, directory), warning.code, warning.message, warning.hint))
    console.say(_summary(loaded))


def _summary(loaded: Loaded) -> str:
    fleet = loaded.fleet
    warnings = _counted(len(loaded.warnings), "warning") if loaded.warnings else "no warnings"
    twins = sum(1 for hub in fleet.hubs.values() if hub.twin_of)
    hubs = _counted(len(fleet.hubs) - twins, "hub") + (f" and {_counted(twins, 'staging twin')}" if twins else "")
    return f"{fleet.name}: {hubs} on {_counted(len(fleet.clusters), 'cluster')}, no errors, {warnings}"


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _as_json(directory: Path) -> int:
    try:
        loaded = load_fleet(directory)
    except ConfigErrors as errors:
        console.as_json({"errors": [_error(error) for error in errors.errors], "warnings": []})
        return 2
    warnings = [_finding(warning.where, warning.code, warning.message, warning.hint) for warning in loaded.warnings]
    console.as_json({"errors": [], "warnings": warnings})
    return 0


def _error(error: HubfleetError) -> dict[str, str | int]:
    return _finding(error.where, error.code, error.message, error.hint)


def _finding(where: Where | None, code: str, message: str, hint: str) -> dict[str, str | int]:
    place = where or Where("")
    return {"file": place.file, "line": place.line, "code": code, "message": message, "hint": hint}
