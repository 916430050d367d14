"""How commands reach a hub's portal: that of a fleet on this machine, or any hub by its address and a token."""

import os
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from hubfleet.cli.fleet import folder, load_fleet
from hubfleet.cli.machine import hub_of, machine_of
from hubfleet.config.load import Loaded
from hubfleet.errors import ConfigError, PlanError
from hubfleet.model.hub import Hub
from hubfleet.plan.portals import has_portal
from hubfleet.plan.promoting import Promoting
from hubfleet.protocol.front_door import FrontDoor

TOKEN = "HUBFLEET_TOKEN"  # noqa: S105 - a variable's name

UrlOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--url",
        metavar="ADDRESS",
        envvar="HUBFLEET_URL",
        help=f"A hub's address, in place of a fleet; its token comes from the variable {TOKEN}",
    ),
]
HubOption: TypeAlias = Annotated[
    str, typer.Option("--hub", help="The hub; default: the only one with `features: {builds: true}`")
]


def reach(url: str, hub: str, fleet: Path | None, data: Path | None) -> Promoting:
    """Return whom to ask, and as whom.

    Raises:
        ConfigError: the address is none, or no token is there.
        ConfigErrors: the fleet's files are wrong.
    """
    if not url:
        loaded = load_fleet(fleet)
        chosen = _hub(loaded, hub)
        machine = machine_of(loaded, folder(fleet), data)
        return Promoting(machine.front_door(chosen), machine.operator_token(chosen))
    if hub:
        raise ConfigError("--url and --hub name a hub each", hint="leave one of them out")
    token = os.environ.get(TOKEN, "").strip()
    if not token:
        raise ConfigError(f"the variable {TOKEN} holds no token", hint="make one on the hub's page Token")
    return Promoting(FrontDoor.at(url), token)


def _hub(loaded: Loaded, name: str) -> Hub:
    hubs = [hub for hub in loaded.fleet.hubs.values() if has_portal(hub)]
    if name:
        found = hub_of(loaded, name)
        if found not in hubs:
            raise ConfigError(
                f"the hub {name!r} makes no environments", hint="write `features: {builds: true}` in its file and apply"
            )
        return found
    if len(hubs) != 1:
        names = ", ".join(hub.name for hub in hubs)
        raise PlanError(
            "several hubs make environments" if hubs else "no hub makes environments",
            hint=f"choose one with --hub: {names}" if hubs else "write `features: {builds: true}` in a hub's file",
        )
    return hubs[0]
