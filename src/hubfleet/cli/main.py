"""The `hubfleet` command: finds the command, runs it, and is the only place where errors end.

Exit codes: 0 all is well, 1 something failed, 2 the files or the arguments are wrong, 130 interrupted.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import typer
from typer.core import TyperGroup
from typer.main import get_command

from hubfleet._kit.names import closest
from hubfleet.cli import console
from hubfleet.cli.commands import COMMANDS
from hubfleet.errors import ConfigError, ConfigErrors, HubfleetError

FILES_WRONG = 2
INTERRUPTED = 130


class _Formatter(Protocol):
    """What writes help texts."""

    def section(self, name: str) -> AbstractContextManager[None]:
        """Begin a part with a heading."""

    def write_dl(self, rows: list[tuple[str, str]]) -> None:
        """Write terms and what they mean."""


class LazyGroup(TyperGroup):
    """The commands by name; help needs none of them imported."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # typer hands its own context
        """Return the commands' names."""
        return [entry.name for entry in COMMANDS]

    def get_command(self, ctx: typer.Context, cmd_name: str) -> object:  # type: ignore[override]  # of a private class
        """Import a command and return it, or None."""
        for entry in COMMANDS:
            if entry.name == cmd_name:
                command = get_command(entry.load())
                command.name = entry.name
                return command
        meant = closest(cmd_name, self.list_commands(ctx))
        if meant:
            ctx.fail(f"no command {cmd_name!r}; did you mean {meant!r}?")
        return None

    def format_commands(self, ctx: typer.Context, formatter: _Formatter) -> None:  # type: ignore[override]  # as above
        """Write the list of commands of the help text."""
        with formatter.section("Commands"):
            formatter.write_dl([(entry.name, entry.help) for entry in COMMANDS])


app = typer.Typer(
    cls=LazyGroup,
    name="hubfleet",
    help="Run many JupyterHubs, on any mix of machines and clouds, from one folder of short files.",
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
)


@app.callback()
def _root() -> None:
    """Carry the commands."""


def run() -> None:
    """Run as the console script."""
    sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code."""
    command = get_command(app)
    command.help = app.info.help
    try:
        code = command.main(list(arguments), prog_name="hubfleet", standalone_mode=False)
    except ConfigErrors as error:
        console.problems(error)
        return FILES_WRONG
    except HubfleetError as error:
        console.problem(error)
        return FILES_WRONG if isinstance(error, ConfigError) else 1
    except typer.TyperException as error:
        console.wrong_use(error)
        return FILES_WRONG
    except (KeyboardInterrupt, typer.Abort):
        console.note("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code if isinstance(code, int) else 0
