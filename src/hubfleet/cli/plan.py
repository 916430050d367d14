"""`hubfleet plan`: what would change, value by value, and what people will notice; changes nothing."""

from pathlib import Path
from typing import Annotated

import typer

from hubfleet._kit.files import write_atomic
from hubfleet.cli import console
from hubfleet.cli.fleet import FleetOption, JsonOption, folder, load_fleet
from hubfleet.cli.machine import DataOption, KeyOption, machine_of, plan_of
from hubfleet.plan.actions import Action, Change, Plan, Value

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_WORDS = {"create": "create", "change": "change", "delete": "delete", "repair": "repair"}
_SHOWN_OF_NEW = ("address", "title", "sign_in.with", "admins", "cluster", "preset")
"""What a plan shows of a hub that is new; the rest is in the files."""


@app.command()
def plan(
    fleet: FleetOption = None,
    data: DataOption = None,
    age_key: KeyOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Keep the plan for `hubfleet apply FILE`")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show what `apply` would change, and what people would notice."""
    loaded = load_fleet(fleet)
    made = plan_of(loaded, machine_of(loaded, folder(fleet), data, key=age_key))
    if out is not None:
        write_atomic(out.absolute(), made.model_dump_json(indent=1), mode=0o600)
    if json:
        console.as_json(_as_json(made))
    else:
        show(made)
        if out is not None:
            console.note(f"kept in {out}; carry it out with: hubfleet apply {out}")


def show(made: Plan) -> None:
    """Write a plan for people."""
    for action in made.actions:
        console.say(action.title)
        for change in action.changes:
            if action.do != "create" or change.key in _SHOWN_OF_NEW:
                console.say(f"    {_line(action, change)}")
        for effect in action.effects:
            console.say(f"    → {effect}")
    if made.empty:
        console.say("nothing to do: all is as the files say")
        return
    counts = [f"{sum(action.do == do for action in made.actions)} to {word}" for do, word in _WORDS.items()]
    console.say()
    console.say(
        f"{', '.join(count for count in counts if not count.startswith('0 '))}; {len(made.unchanged)} unchanged"
    )


def _line(action: Action, change: Change) -> str:
    place = console.faint(f"  {change.where}") if change.where else ""
    if action.do == "create":
        return f"{change.key}: {_value(change.new)}{place}"
    return f"{change.key}: {_value(change.old)} -> {_value(change.new)}{place}"


def _value(value: Value) -> str:
    if value is None or value == "":
        return "none"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _as_json(made: Plan) -> dict[str, object]:
    return {
        "fleet": made.fleet,
        "made_for": made.made_for,
        "unchanged": list(made.unchanged),
        "actions": [
            {
                "do": action.do,
                "resource": action.resource.id,
                "changes": [change.model_dump() for change in action.changes],
                "effects": list(action.effects),
            }
            for action in made.actions
        ],
    }
