"""All commands in one table; each is a module of its own, imported only when it runs.

To add one: write `cli/<command>.py` with `app = typer.Typer(...)` and its `@app.command()`, and add its line here.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer


@dataclass(frozen=True)
class Entry:
    """One command, or group of commands."""

    name: str
    help: str
    """One line for `hubfleet --help`, known without importing the command."""
    module: str = ""
    """Where its `app` is; default `hubfleet.cli.<name>`."""

    def load(self) -> "typer.Typer":
        """Import the command."""
        app: typer.Typer = import_module(self.module or f"hubfleet.cli.{self.name}").app
        return app


COMMANDS = (
    Entry("init", "Write a small fleet to start from"),
    Entry("check", "Check all files of a fleet and show all errors at once"),
    Entry("explain", "Say where a hub's values come from and what they overrode"),
    Entry("schema", "Write JSON Schemas with which editors check and complete the files"),
    Entry("hub", "Add hubs to a fleet"),
    Entry("cluster", "Add clusters to a fleet"),
    Entry("plan", "Show what apply would change, and what people would notice"),
    Entry("apply", "Make what runs as the files say; plans, shows and asks first"),
    Entry("up", "Start a fleet on this machine, prove its hubs, and stay; Ctrl-C ends it"),
    Entry("down", "End all servers and programs; homes, users and settings stay"),
    Entry("status", "Show hubs, programs and servers, and what keeps people apart here"),
    Entry("logs", "Show the last lines that a hub or another program wrote"),
    Entry("prove", "Prove a hub: a real server runs a real notebook"),
    Entry("build", "Make an environment of a git repository on a hub, prove and promote it"),
    Entry("promote", "Give a hub's profile an environment, or the one before"),
    Entry("open", "Open a hub in the browser"),
    Entry("revisions", "Show what was applied for a hub, and whether it was proven"),
    Entry("rollback", "Bring a hub back to an earlier revision and prove it"),
    Entry("version", "Show the version"),
)
