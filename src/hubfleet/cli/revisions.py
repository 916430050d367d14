"""`hubfleet revisions`: what was applied for a hub, when, by whom, and whether it was proven."""

from typing import Annotated

import typer

from hubfleet.cli import console
from hubfleet.cli.fleet import FleetOption, JsonOption, folder, load_fleet
from hubfleet.cli.machine import DataOption, machine_of

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_PROVEN = {True: "yes", False: "no", None: ""}


@app.command()
def revisions(
    hub: Annotated[str, typer.Argument(help="The hub's name; it may have been deleted from the files")],
    fleet: FleetOption = None,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Show the revisions of a hub, newest first."""
    loaded = load_fleet(fleet)
    found = machine_of(loaded, folder(fleet), data).revisions(f"hub {hub}")
    if json:
        console.as_json([revision.model_dump(mode="json", exclude={"resource"}) for revision in found])
        return
    rows = [
        (str(item.number), f"{item.at:%Y-%m-%d %H:%M:%S} UTC", item.by, _PROVEN[item.proven], item.resource.digest())
        for item in found
    ]
    console.table(("REVISION", "APPLIED", "BY", "PROVEN", "DIGEST"), rows)
