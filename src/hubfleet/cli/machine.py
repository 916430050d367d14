"""What commands that act on a machine share: the --data option, the platform, and where planned values come from."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from hubfleet.config.load import Loaded
from hubfleet.errors import UnknownNameError, Where
from hubfleet.model.hub import Hub
from hubfleet.plan.actions import Plan
from hubfleet.plan.diff import diff
from hubfleet.platforms.machine.places import default_data
from hubfleet.platforms.machine.platform import MachinePlatform

DataOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Folder of all state on this machine; default: /var/lib/hubfleet/FLEET as root, else below ~/.local/share",
    ),
]


KeyOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--age-key", metavar="FILE", envvar="HUBFLEET_AGE_KEY", help="Private age key that opens the fleet's secrets"
    ),
]


def machine_of(
    loaded: Loaded,
    folder: Path,
    data: Path | None,
    *,
    key: Path | None = None,
    lasting: bool = False,
    tell: Callable[[str], None] = lambda _text: None,
) -> MachinePlatform:
    """Return the platform of the machine that a fleet runs on; `lasting` as in `MachinePlatform`."""
    place = (data or default_data(loaded.fleet.name)).absolute()
    return MachinePlatform(loaded.fleet, folder.absolute(), place, identity=key, lasting=lasting, tell=tell)


def plan_of(loaded: Loaded, machine: MachinePlatform) -> Plan:
    """Compare what the files say with what is there."""
    return diff(machine.desired(), machine.observe(), fleet=loaded.fleet.name, origins=origins_of(loaded))


def origins_of(loaded: Loaded) -> Mapping[tuple[str, str], Where | str]:
    """Return for each value of each hub the file and line, or the layer, that set it."""
    found: dict[tuple[str, str], Where | str] = {}
    for hub in loaded.fleet.hubs:
        for path, origin in loaded.provenance.all_origins(hub).items():
            found[f"hub {hub}", ".".join(path)] = origin.where or origin.layer
    return found


def hub_of(loaded: Loaded, name: str) -> Hub:
    """Return a hub by name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in loaded.fleet.hubs:
        raise UnknownNameError("hub", name, loaded.fleet.hubs)
    return loaded.fleet.hubs[name]
