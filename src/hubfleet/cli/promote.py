"""`hubfleet promote`: which environment a hub's profile has; another one, or the one before."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from hubfleet.cli import console
from hubfleet.cli.fleet import FleetOption, JsonOption
from hubfleet.cli.machine import DataOption
from hubfleet.cli.reach import HubOption, UrlOption, reach
from hubfleet.errors import ConfigError

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def promote(
    profile: Annotated[str, typer.Argument(help="A profile of the hub")],
    digest: Annotated[
        str, typer.Argument(help="The environment's name; without it, what the profile had is shown")
    ] = "",
    *,
    back: Annotated[bool, typer.Option("--back", help="Go back to what it had before, one step each time")] = False,
    hub: HubOption = "",
    url: UrlOption = "",
    as_json: JsonOption = False,
    fleet: FleetOption = None,
    data: DataOption = None,
) -> None:
    """Give a profile an environment from its next start on, go back, or show what it had."""
    if digest and back:
        raise ConfigError("a digest and --back are two things to do", hint="leave one of them out")
    portal = reach(url, hub, fleet, data)
    if back:
        found = portal.go_back(profile)
    elif digest:
        found = portal.promote(profile, digest, if_tag=portal.profile(profile)[1])
    else:
        found, _ = portal.profile(profile)
    if as_json:
        console.as_json(found)
    elif digest or back:
        console.say(f"{profile}: {_words(found['now'])}")
    else:
        rows = [(str(step["at"])[:16].replace("T", " "), _words(step), str(step["by"])) for step in found["history"]]
        console.table(("since (UTC)", "environment", "by"), rows or [("", "what the hub's file says", "")])


def _words(step: Mapping[str, Any] | None) -> str:
    if not step or not step["digest"]:
        return "what the hub's file says"
    return f"{step['digest'][:12]} {step['name']}{' (gone back)' if step['back'] else ''}"
