"""`hubfleet explain`: which file, preset or default set a value, and what it took the place of."""

import json as json_module
from typing import Annotated

import typer

from hubfleet._kit.yamlfile import Plain
from hubfleet.cli import console
from hubfleet.cli.fleet import FleetOption, JsonOption, load_fleet
from hubfleet.config.provenance import Origin

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def explain(
    hub: Annotated[str, typer.Argument(help="The hub's name")],
    key: Annotated[str, typer.Argument(help="A key such as profiles.standard.cpu; default: all")] = "",
    fleet: FleetOption = None,
    json: JsonOption = False,
) -> None:
    """Say where a hub's values come from and what they overrode."""
    provenance = load_fleet(fleet).provenance
    wanted = provenance.path(hub, key)
    provenance.origin(hub, wanted)
    everything = provenance.all_origins(hub)
    origins = {path: origin for path, origin in everything.items() if path[: len(wanted)] == wanted}
    if not origins:
        origins = {wanted: provenance.origin(hub, wanted)}
    if json:
        console.as_json({".".join(path): _as_json(origin) for path, origin in origins.items()})
    elif set(origins) == {wanted}:
        _one(key, origins[wanted])
    else:
        said = {path: origin for path, origin in origins.items() if origin.value is not None or origin.overrode}
        rows = [(".".join(path), _shown(origin.value), _place(origin)) for path, origin in said.items()]
        console.table(("KEY", "VALUE", "SET BY"), rows)


def _one(key: str, origin: Origin) -> None:
    console.say(f"{key} = {_shown(origin.value, 200)}")
    console.say(f"  set by {_place(origin)}")
    for below in origin.overrode:
        verb = "removes" if below.value is None else "over"
        console.say(f"  {verb} {_shown(below.value, 200)} from {_place(below)}")


def _place(origin: Origin) -> str:
    return f"{origin.where} ({origin.layer})" if origin.where else origin.layer


def _shown(value: Plain, width: int = 40) -> str:
    text = value if isinstance(value, str) and value else json_module.dumps(value, ensure_ascii=False)
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _as_json(origin: Origin) -> dict[str, object]:
    return {
        "value": origin.value,
        "layer": origin.layer,
        "file": origin.where.file if origin.where else None,
        "line": origin.where.line if origin.where else None,
        "overrode": [_as_json(below) for below in origin.overrode],
    }
