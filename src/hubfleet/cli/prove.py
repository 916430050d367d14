"""`hubfleet prove`: a real server of a hub runs a real notebook, through the front door."""

from typing import Annotated

import typer

from hubfleet.cli import console
from hubfleet.cli.fleet import FleetOption, folder, load_fleet
from hubfleet.cli.machine import DataOption, hub_of, machine_of
from hubfleet.cli.progress import Progress
from hubfleet.errors import PlanError

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def prove(
    hub: Annotated[str, typer.Argument(help="The hub's name")], fleet: FleetOption = None, data: DataOption = None
) -> None:
    """Prove that a hub works: start a server, run a notebook, check its output, stop."""
    loaded = load_fleet(fleet)
    hub_of(loaded, hub)
    machine = machine_of(loaded, folder(fleet), data)
    revisions = machine.revisions(f"hub {hub}")
    if not revisions:
        raise PlanError(f"the hub {hub!r} was never applied here", hint="hubfleet apply")
    with Progress() as progress:
        machine.tell = progress.tell
        machine.prove(revisions[0].resource)
    machine.mark(f"hub {hub}", proven=True)
    console.say(f"{hub} is proven: a server started, a notebook ran with the right output, the server stopped")
