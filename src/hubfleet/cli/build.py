"""`hubfleet build`: an environment of a git repository, made by a hub's portal as for its people, proven, promoted."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from hubfleet.cli import console
from hubfleet.cli.fleet import FleetOption, JsonOption
from hubfleet.cli.machine import DataOption
from hubfleet.cli.progress import Progress
from hubfleet.cli.reach import HubOption, UrlOption, reach
from hubfleet.errors import BuildError, ConfigError
from hubfleet.plan.notebook_proof import NotebookProof
from hubfleet.plan.promoting import Promoting
from hubfleet.protocol.builds import AS_OF_COMMIT, BuildState

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def build(
    repository: Annotated[str, typer.Argument(help="Address of a git repository, such as https://HOST/PATH")],
    *,
    ref: Annotated[str, typer.Option(help="Branch, tag or full commit")] = "HEAD",
    hub: HubOption = "",
    url: UrlOption = "",
    cluster: Annotated[str, typer.Option(help="Where; default: the hub's first cluster")] = "",
    until: Annotated[
        str, typer.Option(help="Packages as of a date (2026-11-21), of the `commit`, or `none` for the newest")
    ] = AS_OF_COMMIT,
    token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File with a token that may read a private repository")
    ] = None,
    prove: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Run this folder's notebooks on a server with the environment; needs --url"),
    ] = None,
    notebooks: Annotated[str, typer.Option(metavar="GLOB", help="Which of them")] = "**/*.ipynb",
    promote: Annotated[
        str, typer.Option(metavar="PROFILE", help="Give it to a profile of the hub, if all before went well")
    ] = "",
    as_json: JsonOption = False,
    fleet: FleetOption = None,
    data: DataOption = None,
) -> None:
    """Make an environment of a git repository and print its digest; servers start with it by that name."""
    if prove is not None and not url:
        raise ConfigError(
            "a proof starts a server, which the command line has none of on its own machine",
            hint="give --url and a person's token in HUBFLEET_TOKEN",
        )
    if prove is not None and not prove.is_dir():
        raise ConfigError(f"{prove} is no folder with notebooks")
    portal = reach(url, hub, fleet, data)
    wanted = {"repository": repository, "ref": ref, "packages_until": until, "cluster": cluster}
    asked = {name: value for name, value in wanted.items() if value}
    if token_file is not None:
        asked["token"] = _token(token_file)
    proof = None if prove is None else NotebookProof(portal.door, portal.token, prove, notebooks)
    with Progress() as progress:
        found = _carried_out(portal, asked, proof, promote, progress)
    if as_json:
        console.as_json(found)
    elif found["state"] == BuildState.READY:
        console.say(str(found["digest"]))
    if found["state"] != BuildState.READY:
        raise BuildError(str(found["message"]), hint=str(found.get("hint", "")))


def _carried_out(
    portal: Promoting, asked: Mapping[str, str], proof: NotebookProof | None, profile: str, progress: Progress
) -> Mapping[str, Any]:
    """Build, prove and promote; what cannot be promoted or read is said before anything is built."""
    tag = portal.profile(profile)[1] if profile else ""
    if proof is not None:
        proof.notebooks()
    found = portal.build(asked, progress.tell)
    if found["state"] != BuildState.READY:
        return found
    digest = str(found["digest"])
    if proof is not None:
        count = proof.run(digest, profile, progress.tell)
        console.note(f"  proven: {count or 'no'} notebook{'' if count == 1 else 's'} ran on a server with it")
        found = {**found, "notebooks": count}
    if profile:
        step = portal.promote(profile, digest, if_tag=tag)
        console.note(f"  {profile}: {'has it from the next start on' if step['changed'] else 'had it already'}")
        found = {**found, "promoted": step}
    return found


def _token(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise ConfigError(f"the token in {path} cannot be read: {error.strerror}") from error
