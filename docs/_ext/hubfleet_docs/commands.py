"""Commands with their arguments and options, from the command line itself."""

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from hubfleet.cli.commands import COMMANDS


def page() -> str:
    """Return the page."""
    parts = [
        "# Commands\n\n`hubfleet COMMAND --help` says the same. Results go to standard output, everything else to "
        "standard error. Exit codes are told in [](errors.md).\n"
    ]
    for path, command in commands():
        parts.append(f"## `hubfleet {path}`\n\n{command.help}\n\n```text\nhubfleet {_usage(path, command)}\n```\n")
        rows = [_row(item) for item in command.params if item.name != "help"]
        parts.append("\n".join(["| argument or option | meaning |", "|---|---|", *rows, ""]) if rows else "")
    return "\n".join(parts)


def commands() -> Iterator[tuple[str, Any]]:
    """Go through all commands, those within groups by two words."""
    for entry in COMMANDS:
        command: Any = get_command(entry.load())
        if hasattr(command, "commands"):
            for name, inner in command.commands.items():
                yield f"{entry.name} {name}", inner
        else:
            yield entry.name, command


def options(command: Any) -> set[str]:
    """Return the names of all options of a command, `--help` among them."""
    found = {name for item in command.params if item.param_type_name == "option" for name in item.opts}
    return found | {"--help", "-h"}


def _usage(path: str, command: Any) -> str:
    arguments = [_argument(item) for item in command.params if item.param_type_name == "argument"]
    return " ".join([path, *arguments, "[OPTIONS]"])


def _kind(item: Any) -> str:
    return "NUMBER" if isinstance(item.default, int) else str(item.name).upper()


def _argument(item: Any) -> str:
    name = item.metavar or item.name.upper()
    return name if item.required else f"[{name}]"


def _row(item: Any) -> str:
    if item.param_type_name == "argument":
        name = _argument(item)
    else:
        name = ", ".join(item.opts) + ("" if item.is_flag else f" {item.metavar or _kind(item)}")
    default = None if getattr(item, "is_flag", False) else item.default
    more = f" Default: `{default}`." if isinstance(default, str | int) and default not in {"", 0} else ""
    if item.envvar:
        more += f" Environment variable: `{item.envvar}`."
    text = (item.help or "").rstrip(".").replace("|", "\\|")
    return f"| `{name}` | {text}.{more} |"
