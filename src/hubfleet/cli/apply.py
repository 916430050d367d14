"""`hubfleet apply`: plans, shows, asks, carries out, proves, and puts back what fails."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from hubfleet._kit.files import locked
from hubfleet.cli import console
from hubfleet.cli.fleet import FleetOption, folder, load_fleet
from hubfleet.cli.machine import DataOption, KeyOption, machine_of, plan_of
from hubfleet.cli.plan import show
from hubfleet.cli.progress import Progress
from hubfleet.errors import PlanError
from hubfleet.plan.actions import Plan
from hubfleet.plan.applier import Outcome
from hubfleet.plan.applier import apply as carry_out
from hubfleet.plan.journal import Journal
from hubfleet.platforms.machine.platform import MachinePlatform

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def apply(
    file: Annotated[Path | None, typer.Argument(help="A plan that `hubfleet plan --out FILE` kept")] = None,
    fleet: FleetOption = None,
    data: DataOption = None,
    age_key: KeyOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
) -> None:
    """Make what runs as the files say: plans, shows and asks first."""
    loaded = load_fleet(fleet)
    with Progress() as progress:
        machine = machine_of(loaded, folder(fleet), data, key=age_key, lasting=True, tell=progress.tell)
        made = _kept(file) if file else plan_of(loaded, machine)
    show(made)
    if made.empty:
        return
    if not yes and not console.ask("Carry this out?"):
        raise PlanError("not carried out", hint="answer y, or give --yes where nobody can be asked")
    outcome = carried_out(made, machine)
    report(outcome)
    if not outcome.good:
        raise typer.Exit(1)


def carried_out(made: Plan, machine: MachinePlatform) -> Outcome:
    """Carry a plan out, alone on this machine, with progress.

    Raises:
        StateError: another apply is under way.
    """
    machine.places.prepare()
    journal = Journal(machine.places.data / "journal")
    with (
        locked(machine.places.data / "apply.lock", what="another apply is under way", hint="wait for its end"),
        Progress() as progress,
    ):
        where = journal.interrupted()
        if where:
            console.note(f"the last apply was interrupted at: {where}; what is left of it is in this plan")
        machine.tell = progress.tell
        return carry_out(made, machine, journal, progress.step)


def report(outcome: Outcome) -> None:
    """Say what failed, and why."""
    for error in outcome.failed.values():
        console.problem(error)
    if outcome.left_alone:
        names = ", ".join(action.resource.id for action in outcome.left_alone)
        console.note(f"left alone, since what they rest on failed: {names}")


def _kept(file: Path) -> Plan:
    try:
        return Plan.model_validate_json(file.read_text())
    except OSError as error:
        raise PlanError(f"cannot read {str(file)!r}: {error.strerror}") from error
    except ValidationError as error:
        raise PlanError(
            f"{str(file)!r} is no plan of this version of hubfleet", hint="make it anew: hubfleet plan --out FILE"
        ) from error
