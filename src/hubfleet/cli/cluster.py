"""`hubfleet cluster add`: one more cluster."""

from typing import Annotated

import typer

from hubfleet.cli import console
from hubfleet.cli.fleet import FleetOption, folder
from hubfleet.cli.hub import write_new
from hubfleet.config.schema import line_for
from hubfleet.errors import BadValueError, NotSupportedError

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)

_LATER = ("kubernetes", "slurm")


@app.callback()
def _cluster() -> None:
    """Add clusters to a fleet."""


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="A name such as west")],
    kind: Annotated[str, typer.Option("--kind", help="machine")] = "machine",
    listen: Annotated[str, typer.Option("--listen", help="Address and port of the front door")] = "127.0.0.1:8000",
    fleet: FleetOption = None,
) -> None:
    """Write the file of a new cluster."""
    if kind in _LATER:
        raise NotSupportedError(f"`kind: {kind}` is not supported yet", hint="--kind machine")
    if kind != "machine":
        raise BadValueError(f"there is no kind of cluster named {kind!r}", hint="--kind machine")
    write_new(folder(fleet), "clusters", name, cluster_text(kind, listen))
    console.note("now: `hubfleet check`")


def cluster_text(kind: str, listen: str) -> str:
    """Return the file of a new cluster."""
    return f"""\
{line_for("cluster", "../")}kind: {kind}
listen: {listen}        # on other addresses than loopback add: https: {{acme: you@example.org}}
# ceilings: {{cpu: 2, memory_gib: 8}}   # what no server exceeds
"""
