"""`hubfleet down`: ends servers, then programs; homes, users and settings stay."""

import typer

from hubfleet.cli import console
from hubfleet.cli.fleet import FleetOption, folder, load_fleet
from hubfleet.cli.machine import DataOption, machine_of
from hubfleet.errors import ProtocolError, SecretError
from hubfleet.platforms.machine.platform import MachinePlatform

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def down(fleet: FleetOption = None, data: DataOption = None) -> None:
    """End all servers and programs; homes, users and settings stay."""
    loaded = load_fleet(fleet)
    machine = machine_of(loaded, folder(fleet), data)
    if not machine.control.runs():
        console.say("nothing runs")
        return
    end(machine, tuple(loaded.fleet.clusters))


def end(machine: MachinePlatform, clusters: tuple[str, ...]) -> None:
    """End servers, then programs, saying so."""
    for cluster in clusters:
        try:
            count = machine.agents.stop_servers(cluster)
        except (ProtocolError, SecretError) as error:
            console.note(f"servers on {cluster} could not be asked to stop: {error.message}")
            continue
        console.say(f"stopped {count} server{'' if count == 1 else 's'} on {cluster}")
    machine.end()
    console.say("stopped all programs; homes, users and settings are kept")
