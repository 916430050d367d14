"""`hubfleet status`: one table of what runs, and what this machine can and cannot do for people."""

from datetime import UTC, datetime, timedelta

import typer

from hubfleet.cli import console
from hubfleet.cli.fleet import FleetOption, JsonOption, folder, load_fleet
from hubfleet.cli.machine import DataOption, machine_of
from hubfleet.config.load import Loaded
from hubfleet.errors import ProtocolError, SecretError
from hubfleet.model.settings.acme import CertificateState
from hubfleet.platforms.machine.platform import MachinePlatform
from hubfleet.protocol.messages import Capabilities

app = typer.Typer(rich_markup_mode=None, add_completion=False)

SOON = timedelta(days=14)
"""A given certificate that expires within this is said to."""


@app.command()
def status(fleet: FleetOption = None, data: DataOption = None, json: JsonOption = False) -> None:
    """Show hubs, programs and servers, and what keeps people apart here."""
    loaded = load_fleet(fleet)
    machine = machine_of(loaded, folder(fleet), data)
    hubs = [_hub(name, machine, loaded) for name in loaded.fleet.hubs]
    programs = machine.control.status()
    able = {cluster: found for cluster in loaded.fleet.clusters if (found := _ask(machine, cluster))}
    certificates = [_certificate(state) for state in machine.certificates.states()]
    if json:
        console.as_json(
            {
                "hubs": hubs,
                "certificates": certificates,
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
    if certificates:
        console.say()
        console.table(("CERTIFICATE", "STATE", ""), [tuple(row.values()) for row in certificates])
    for name, found in able.items():
        console.say()
        console.table(
            (f"ON {name.upper()}", "", ""), [(item.name, item.state, item.detail) for item in found.abilities]
        )


def _hub(name: str, machine: MachinePlatform, loaded: Loaded) -> dict[str, str]:
    revisions = machine.revisions(f"hub {name}")
    running = machine.control.status().get(f"hub-{name}")
    count = (
        sum(machine.agents.count_servers(cluster, name) for cluster in loaded.fleet.hubs[name].servers_on)
        if running
        else 0
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


def _certificate(state: CertificateState) -> dict[str, str]:
    """Return name, state, and what an operator has to know of a certificate."""
    now = datetime.now(UTC)
    if state.expires is None or state.expires <= now:
        word = "expired" if state.expires else ("none" if state.failures else "asked for")
    else:
        word = "expires soon" if state.expires - now < SOON and not state.renews else "good"
    until = f"until {state.expires:%Y-%m-%d %H:%M} UTC" if state.expires else ""
    wrong = f"{state.problem}; what to do: {state.hint}" if state.failures else ""
    if wrong and state.next_try:
        wrong += f"; next try {state.next_try:%Y-%m-%d %H:%M} UTC"
    return {"host": state.host, "state": word, "detail": "; ".join(part for part in (until, wrong) if part)}


def _ask(machine: MachinePlatform, cluster: str) -> Capabilities | None:
    try:
        return machine.agents.capabilities(cluster)
    except (ProtocolError, SecretError):
        return None
