"""`hubfleet logs`: what programs and hubs wrote."""

from pathlib import Path
from typing import Annotated

import typer

from hubfleet._kit.logs import redact
from hubfleet.cli import console
from hubfleet.cli.fleet import FleetOption, folder, load_fleet
from hubfleet.cli.machine import DataOption, machine_of
from hubfleet.errors import UnknownNameError

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_BYTES_MAX = 2_000_000


@app.command()
def logs(
    name: Annotated[str, typer.Argument(help="A hub or program; default: a list of them")] = "",
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of the last lines")] = 100,
    fleet: FleetOption = None,
    data: DataOption = None,
) -> None:
    """Show the last lines that a hub or another program wrote."""
    loaded = load_fleet(fleet)
    places = machine_of(loaded, folder(fleet), data).places
    known = {path.stem: path for path in sorted(places.logs.glob("*.log"))} if places.logs.is_dir() else {}
    if not name:
        for program in known:
            console.say(program)
        return
    path = known.get(name) or known.get(f"hub-{name}")
    if path is None:
        raise UnknownNameError("program", name, known)
    for line in _tail(path, lines):
        console.say(redact(line))


def _tail(path: Path, lines: int) -> list[str]:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _BYTES_MAX))
        return file.read().decode(errors="replace").splitlines()[-lines:]
