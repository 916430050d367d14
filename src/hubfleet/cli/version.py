"""`hubfleet version`."""

from importlib.metadata import version

import typer

from hubfleet.cli import console

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def show() -> None:
    """Show the version."""
    console.say(f"hubfleet {version('hubfleet')}")
