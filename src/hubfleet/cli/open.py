"""`hubfleet open`: a hub in the browser."""

import webbrowser
from typing import Annotated

import typer

from hubfleet.cli import console
from hubfleet.cli.fleet import FleetOption, load_fleet
from hubfleet.cli.machine import hub_of

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(name="open")
def open_hub(hub: Annotated[str, typer.Argument(help="The hub's name")], fleet: FleetOption = None) -> None:
    """Open a hub in the browser, and print its address."""
    url = hub_of(load_fleet(fleet), hub).url
    console.say(url)
    webbrowser.open(url)
