"""`hubfleet schema`: JSON Schemas with which editors check and complete the files."""

import json
from pathlib import Path
from typing import Annotated

import typer

from hubfleet._kit.files import write_if_changed
from hubfleet.cli import console
from hubfleet.config.schema import schemas

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def schema(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write one file for each kind; default: print all")
    ] = None,
) -> None:
    """Write JSON Schemas of fleet, cluster, hub and preset files."""
    if out is None:
        console.as_json(schemas())
        return
    write(out)
    console.say(f"wrote {', '.join(f'{out}/{name}.json' for name in schemas())}")


def write(directory: Path) -> None:
    """Write the schemas into a folder, which is made."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in schemas().items():
        write_if_changed(directory / f"{name}.json", json.dumps(content, indent=1, ensure_ascii=False) + "\n")
