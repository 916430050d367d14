"""`hubfleet build`: an environment of a git repository, made by a hub's portal as for its people."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from hubfleet.cli import console
from hubfleet.cli.fleet import FleetOption, JsonOption, folder, load_fleet
from hubfleet.cli.machine import DataOption, hub_of, machine_of
from hubfleet.cli.progress import Progress
from hubfleet.config.load import Loaded
from hubfleet.errors import BuildError, ConfigError, PlanError
from hubfleet.model.hub import Hub
from hubfleet.plan.portals import has_portal
from hubfleet.platforms.machine.platform import MachinePlatform
from hubfleet.protocol.builds import AS_OF_COMMIT, BuildState

BUILDS = "/services/portal/api/builds"

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def build(
    repository: Annotated[str, typer.Argument(help="Address of a git repository, such as https://HOST/PATH")],
    *,
    ref: Annotated[str, typer.Option(help="Branch, tag or full commit")] = "HEAD",
    hub: Annotated[str, typer.Option(help="The hub; default: the only one with `features: {builds: true}`")] = "",
    cluster: Annotated[str, typer.Option(help="Where; default: the hub's first cluster")] = "",
    until: Annotated[
        str, typer.Option(help="Packages as of a date (2026-11-21), of the `commit`, or `none` for the newest")
    ] = AS_OF_COMMIT,
    token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File with a token that may read a private repository")
    ] = None,
    as_json: JsonOption = False,
    fleet: FleetOption = None,
    data: DataOption = None,
) -> None:
    """Make an environment of a git repository and print its digest; servers start with it by that name."""
    loaded = load_fleet(fleet)
    chosen = _hub(loaded, hub)
    machine = machine_of(loaded, folder(fleet), data)
    wanted = {"repository": repository, "ref": ref, "packages_until": until, "cluster": cluster}
    asked = {name: value for name, value in wanted.items() if value}
    if token_file is not None:
        asked["token"] = _token(token_file)
    with Progress() as progress:
        found = _built(machine, chosen, asked, progress)
    if as_json:
        console.as_json(found)
    elif found["state"] == BuildState.READY:
        console.say(str(found["digest"]))
    if found["state"] != BuildState.READY:
        raise BuildError(str(found["message"]), hint=str(found.get("hint", "")))


def _built(machine: MachinePlatform, hub: Hub, asked: Mapping[str, str], progress: Progress) -> Mapping[str, Any]:
    """Begin a build and follow it to its end."""
    door, token = machine.front_door(hub), machine.operator_token(hub)
    begun = door.call("POST", BUILDS, token=token, body=asked)
    path = f"{BUILDS}/{begun['id']}"
    for event in door.events(f"{path}/events", token=token):
        progress.tell(str(event["message"]))
    found: Mapping[str, Any] = door.call("GET", path, token=token)
    return found


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


def _token(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise ConfigError(f"the token in {path} cannot be read: {error.strerror}") from error
