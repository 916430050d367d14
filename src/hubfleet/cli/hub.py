"""`hubfleet hub new`: one more hub."""

from pathlib import Path
from typing import Annotated

import typer

from hubfleet._kit.files import write_atomic
from hubfleet._kit.names import is_label
from hubfleet.cli import console
from hubfleet.cli.fleet import FleetOption, folder
from hubfleet.config.resolve import unknown
from hubfleet.config.schema import line_for
from hubfleet.config.sources import builtin_presets, read_folder
from hubfleet.errors import BadValueError, ConfigError

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)


@app.callback()
def _hub() -> None:
    """Add hubs to a fleet."""


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="A name fit for an address, such as ocean")],
    preset: Annotated[str, typer.Option("--preset", help="education, research, event, or an own one")] = "education",
    cluster: Annotated[str | None, typer.Option("--cluster", help="Where it runs; default: the only cluster")] = None,
    fleet: FleetOption = None,
) -> None:
    """Write the file of a new hub."""
    directory = folder(fleet)
    sources = read_folder(directory)
    presets = {*builtin_presets(), *sources.presets}
    if preset not in presets:
        raise unknown("preset", preset, presets)
    if cluster is not None and cluster not in sources.clusters:
        raise unknown("cluster", cluster, set(sources.clusters))
    if cluster is None and len(sources.clusters) > 1:
        raise ConfigError("the fleet has several clusters", hint=f"--cluster {' | '.join(sources.clusters)}")
    write_new(directory, "hubs", name, hub_text(name, preset, cluster))
    console.note("now: `hubfleet check`, then `hubfleet apply`")


def hub_text(name: str, preset: str, cluster: str | None) -> str:
    """Return the file of a new hub."""
    where = f"cluster: {cluster}\n" if cluster else ""
    return f"""\
{line_for("hub", "../")}preset: {preset}
title: {name.replace("-", " ").title()}
{where}sign_in: {{with: shared-password}}   # generated at the first apply; or native, github, google, cilogon, oidc
allow: {{everyone: true}}            # everybody who knows the password
admins: [admin]
"""


def write_new(directory: Path, kind: str, name: str, text: str) -> None:
    """Write a new file of a fleet, never over an old one.

    Raises:
        ConfigError: the name does not fit, is taken, or the file cannot be written.
    """
    if not is_label(name):
        raise BadValueError(
            f"{name[:60]!r} is not fit for a name", hint="1-30 of a-z, 0-9 and single `-`, first a letter"
        )
    path = directory / kind / f"{name}.yaml"
    if path.exists():
        raise ConfigError(f"{path} exists already", hint="choose another name, or edit it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, text)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error
    console.say(f"wrote {path}")
