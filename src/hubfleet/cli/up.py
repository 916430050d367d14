"""`hubfleet up`: plan, apply and stay; Ctrl-C is `down`."""

import getpass
import os
import signal
import socket
import threading
from collections.abc import Iterable

import typer

from hubfleet._kit.files import locked
from hubfleet.cli import console
from hubfleet.cli.apply import carried_out, report
from hubfleet.cli.down import end
from hubfleet.cli.fleet import FleetOption, folder, load_fleet
from hubfleet.cli.machine import DataOption, KeyOption, machine_of, plan_of
from hubfleet.cli.progress import Progress
from hubfleet.config.load import Loaded
from hubfleet.errors import PlanError
from hubfleet.model.hub import Hub
from hubfleet.plan.applier import Outcome
from hubfleet.platforms.machine.platform import MachinePlatform

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def up(fleet: FleetOption = None, data: DataOption = None, age_key: KeyOption = None) -> None:
    """Start a fleet on this machine, prove its hubs, and stay; Ctrl-C ends it."""
    loaded = load_fleet(fleet)
    machine = machine_of(loaded, folder(fleet), data, key=age_key)
    if machine.control.lasting:
        raise PlanError(
            f"systemd keeps the fleet {loaded.fleet.name!r} up on this machine",
            hint="change it by `hubfleet apply`, or end that with `hubfleet down` first",
        )
    machine.places.prepare()
    with locked(
        machine.places.data / "up.lock",
        what=f"`hubfleet up` runs for the fleet {loaded.fleet.name!r} already",
        hint="use that one, or end it with Ctrl-C or `hubfleet down`",
    ):
        _on_signals(signal.default_int_handler)
        try:
            outcome = _start(loaded, machine)
            report(outcome)
            good = [hub for hub in loaded.fleet.hubs.values() if f"hub {hub.name}" not in _not_good(outcome)]
            if not good:
                raise typer.Exit(1)
            _welcome(machine, good)
            _stay()
        finally:
            _on_signals(signal.SIG_IGN)
            end(machine, tuple(loaded.fleet.clusters))


def _start(loaded: Loaded, machine: MachinePlatform) -> Outcome:
    """Start what ran before, and carry out what the files say beyond that."""
    with Progress() as progress:
        machine.tell = progress.tell
        progress.tell("starting")
        machine.start_again()
        made = plan_of(loaded, machine)
    outcome = carried_out(made, machine) if not made.empty else Outcome()
    with Progress() as progress:
        machine.tell = progress.tell
        machine.await_healthy(made.unchanged)
    return outcome


def _not_good(outcome: Outcome) -> set[str]:
    return {*outcome.failed, *(action.resource.id for action in outcome.left_alone)}


def _welcome(machine: MachinePlatform, hubs: Iterable[Hub]) -> None:
    """Say where the hubs are, how to sign in, and how to reach them from elsewhere."""
    console.say()
    for hub in hubs:
        console.say(f"  {hub.title}: {hub.url}")
        for line in machine.how_to_sign_in(hub):
            console.say(f"      {line}")
    address, port = machine.front_address()
    console.say()
    console.say(f"  From another computer: ssh -L {port}:{address}:{port} {_who()}@{socket.getfqdn()}")
    console.say("  then open the same addresses there. Ctrl-C ends everything; homes and users are kept.")


def _stay() -> None:
    over = threading.Event()
    _on_signals(lambda *_: over.set())
    while not over.wait(3600):
        pass


def _on_signals(action: object) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, action)  # type: ignore[arg-type]  # a function or one of signal's own constants


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
