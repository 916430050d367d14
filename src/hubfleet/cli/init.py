"""`hubfleet init`: a small fleet to start from."""

import re
from pathlib import Path
from typing import Annotated

import typer

from hubfleet._kit.files import write_atomic
from hubfleet._kit.names import is_label
from hubfleet.cli import console, schema
from hubfleet.cli.cluster import cluster_text
from hubfleet.cli.hub import hub_text
from hubfleet.config.schema import line_for
from hubfleet.errors import ConfigError

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_FLEET = """\
{line}# What all hubs share. Hubs are in hubs/, clusters in clusters/; `hubfleet check` checks them all.
name: {name}
# domain: hubs.example.org        # hubs are at <hub>.<domain>; default: localhost, for this machine's own browsers
# operators: [you]                # admins of every hub
# defaults: {{culling: {{idle_minutes: 120}}}}   # settings for all hubs
"""


@app.command()
def init(directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder")]) -> None:
    """Write a small fleet to start from: one machine, one hub."""
    if (directory / "fleet.yaml").exists():
        raise ConfigError(f"there is a fleet in {directory} already", hint="`hubfleet hub new NAME` adds a hub to it")
    files = {
        "fleet.yaml": _FLEET.format(line=line_for("fleet", ""), name=_name(directory)),
        "clusters/here.yaml": cluster_text("machine", "127.0.0.1:8000"),
        "hubs/first.yaml": hub_text("first", "education", None),
    }
    taken = [name for name in files if (directory / name).exists()]
    if taken:
        raise ConfigError(f"{directory / taken[0]} exists already", hint="choose an empty folder")
    try:
        for name, text in files.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            write_atomic(directory / name, text)
        schema.write(directory / ".schema")
    except OSError as error:
        raise ConfigError(f"cannot write to {directory}: {error.strerror}") from error
    for name in files:
        console.say(f"wrote {directory / name}")
    console.note(f"now: `hubfleet up --fleet {directory}`")


def _name(directory: Path) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", directory.absolute().name.lower()).strip("-")[:30].strip("-")
    return name if is_label(name) else "my-fleet"
