"""`hubfleet rollback`: brings a hub back to an earlier revision, and proves it."""

from typing import Annotated

import typer

from hubfleet.cli import console
from hubfleet.cli.fleet import FleetOption, folder, load_fleet
from hubfleet.cli.machine import DataOption, machine_of
from hubfleet.cli.plan import show
from hubfleet.cli.progress import Progress
from hubfleet.errors import PlanError
from hubfleet.plan.actions import Observed
from hubfleet.plan.diff import diff
from hubfleet.plan.platform import Revision
from hubfleet.platforms.machine.platform import MachinePlatform

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def rollback(
    hub: Annotated[str, typer.Argument(help="The hub's name")],
    number: Annotated[
        int, typer.Argument(help="A number of `hubfleet revisions HUB`; default: the last proven one before")
    ] = 0,
    fleet: FleetOption = None,
    data: DataOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
) -> None:
    """Bring a hub back to an earlier revision and prove it; the files stay as they are."""
    loaded = load_fleet(fleet)
    machine = machine_of(loaded, folder(fleet), data, lasting=True)
    wanted = _wanted(machine, hub, number)
    now = machine.observe()
    mine = Observed(applied={name: item for name, item in now.applied.items() if name == f"hub {hub}"})
    show(diff([wanted.resource], mine, fleet=loaded.fleet.name, origins={}))
    if not yes and not console.ask(f"Bring {hub} back to revision {wanted.number}?"):
        raise PlanError("not carried out", hint="answer y, or give --yes where nobody can be asked")
    with Progress() as progress:
        machine.tell = progress.tell
        machine.restore(wanted)
        machine.prove(wanted.resource)
    machine.mark(f"hub {hub}", proven=True)
    console.say(f"{hub} runs as in revision {wanted.number} and is proven; change its file before you apply again")


def _wanted(machine: MachinePlatform, hub: str, number: int) -> Revision:
    found = machine.revisions(f"hub {hub}")
    if number:
        wanted = next((item for item in found if item.number == number), None)
    else:
        current = found[0].resource.digest() if found else ""
        wanted = next((item for item in found[1:] if item.proven and item.resource.digest() != current), None)
    if wanted is None:
        what = f"revision {number}" if number else "earlier proven revision"
        raise PlanError(f"the hub {hub!r} has no {what}", hint=f"see `hubfleet revisions {hub}`")
    return wanted
