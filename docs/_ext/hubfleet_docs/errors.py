"""Codes of errors and warnings, from the error tree and from the checks."""

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import hubfleet
from hubfleet.errors import ConfigError, HubfleetError, TemporaryError
from hubfleet.protocol.messages import StopReason
from hubfleet_docs.models import cleaned

_SKIP = ("hubfleet.testing",)


def page() -> str:
    """Return the page."""
    return "\n".join(
        [
            "# Errors, warnings and reasons",
            "",
            "An error is shown as `FILE:LINE: what is wrong [code]`, with a hint below it. Commands end with exit code "
            "2 where the files or arguments are wrong, 1 where something failed, 130 where they were interrupted.",
            "",
            "## Errors",
            "",
            "| code | meaning | exit code | may work later |",
            "|---|---|---|---|",
            *(_row(error) for error in errors()),
            "",
            "## Warnings of `check`",
            "",
            "A warning stops nothing.",
            "",
            "| code | meaning |",
            "|---|---|",
            *(f"| `{code}` | {meaning} |" for code, meaning in sorted(warnings().items())),
            "",
            "## Why servers end",
            "",
            "Pages, logs and the agent's API use one word for each reason.",
            "",
            "| reason | meaning |",
            "|---|---|",
            *(f"| `{reason.value}` | {meaning} |" for reason, meaning in reasons().items()),
            "",
        ]
    )


def errors() -> list[type[HubfleetError]]:
    """Return all errors that have a code of their own, over all modules."""
    for module in pkgutil.walk_packages(hubfleet.__path__, "hubfleet."):
        if not module.name.startswith(_SKIP) and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found = {error.code: error for error in reversed(list(_below(HubfleetError))) if "code" in vars(error)}
    return [found[code] for code in sorted(found)]


def warnings() -> dict[str, str]:
    """Return the codes of all notices that checks make, and what they say."""
    found = {}
    for path in sorted((Path(hubfleet.__path__[0])).rglob("*.py")):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef):
                found.update(_notices(function))
    return found


def reasons() -> dict[StopReason, str]:
    """Return the reasons with the text below each."""
    tree = ast.parse(inspect.getsource(StopReason)).body[0]
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for item, after in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(item, ast.Assign) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            name = item.targets[0]
            assert isinstance(name, ast.Name)
            found[StopReason[name.id]] = cleaned(str(after.value.value))
    return found


def _row(error: type[HubfleetError]) -> str:
    code = 2 if issubclass(error, ConfigError) else 1
    later = "yes" if issubclass(error, TemporaryError) else "no"
    return f"| `{error.code}` | {cleaned((inspect.getdoc(error) or '').partition(chr(10) * 2)[0])} | {code} | {later} |"


def _below(error: type[HubfleetError]) -> Iterator[type[HubfleetError]]:
    yield error
    for child in error.__subclasses__():
        yield from _below(child)


def _notices(function: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Notice":
            code, message = node.args[1:3]
            if isinstance(code, ast.Constant):
                yield str(code.value), cleaned(_text(message)).replace("|", "\\|")


def _text(message: ast.expr) -> str:
    """Return a message with `…` for each value in it."""
    parts = message.values if isinstance(message, ast.JoinedStr) else [message]
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts)
