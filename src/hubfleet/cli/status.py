"""`hubfleet status`: one table of what runs, and what this machine can and cannot do for people."""

import typer

from hubfleet.cli import console
from hubfleet.cli.fleet import FleetOption, JsonOption, folder, load_fleet
from hubfleet.cli.machine import DataOption, machine_of
from hubfleet.config.load import Loaded
from hubfleet.errors import ProtocolError, SecretError
from hubfleet.platforms.machine.platform import MachinePlatform
from hubfleet.protocol.messages import Capabilities

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def status(fleet: FleetOption = None, data: DataOption = None, json: JsonOption = False) -> None:
    """Show hubs, programs and servers, and what keeps people apart here."""
    loaded = load_fleet(fleet)
    machine = machine_of(loaded, folder(fleet), data)
    hubs = [_hub(name, machine, loaded) for name in loaded.fleet.hubs]
    programs = machine.control.status()
    able = {cluster: found for cluster in loaded.fleet.clusters if (found := _ask(machine, cluster))}
    if json:
        console.as_json(
            {
                "hubs": hubs,
                "programs": [vars(item) for item in programs.values()],
                "clusters": {name: found.model_dump(mode="json") for name, found in able.items()},
            }
        )
        return
    console.table(("HUB", "STATE", "SERVERS", "REVISION", "ADDRESS"), [tuple(hub.values()) for hub in hubs])
    console.say()
    rows = [
        (item.name, item.state, str(item.restarts), item.detail or f"since {item.since}") for item in programs.values()
    ]
    console.table(("PROGRAM", "STATE", "RESTARTS", ""), rows)
    for name, found in able.items():
        console.say()
        console.table(
            (f"ON {name.upper()}", "", ""), [(item.name, item.state, item.detail) for item in found.abilities]
        )


def _hub(name: str, machine: MachinePlatform, loaded: Loaded) -> dict[str, str]:
    revisions = machine.revisions(f"hub {name}")
    running = machine.control.status().get(f"hub-{name}")
    count = (
        sum(machine.count_servers(cluster, name) for cluster in loaded.fleet.hubs[name].servers_on) if running else 0
    )
    proven = {True: "proven", False: "proof failed", None: "not proven"}
    revision = f"{revisions[0].number} ({proven[revisions[0].proven]})" if revisions else "never applied"
    return {
        "hub": name,
        "state": running.state if running else "down",
        "servers": str(count),
        "revision": revision,
        "address": loaded.fleet.hubs[name].url,
    }


def _ask(machine: MachinePlatform, cluster: str) -> Capabilities | None:
    try:
        return machine.capabilities(cluster)
    except (ProtocolError, SecretError):
        return None
