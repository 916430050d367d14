"""Dependencies and what each is for, from the comments in pyproject.toml."""

import re
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"
_LINE = re.compile(r'^\s*"(?P<name>[A-Za-z0-9._-]+)[^"]*",?\s*(?:#\s*(?P<why>.+))?$')
_TITLES = {
    "dependencies": "Always",
    "hub": "`hubfleet[hub]`",
    "agent": "`hubfleet[agent]`",
    "proxy": "`hubfleet[proxy]`",
    "dev": "For development",
    "docs": "For these pages",
}


def page() -> str:
    """Return the page."""
    parts = [
        "# Dependencies\n\nWhy the larger ones were chosen is told in [](../../explanation/dependencies.md). "
        "Versions are kept in `uv.lock`.\n"
    ]
    for group, found in dependencies().items():
        rows = [f"| [`{name}`](https://pypi.org/project/{name}/) | {why} |" for name, why in found.items()]
        parts.append("\n".join([f"## {_TITLES.get(group, group)}", "", "| package | for |", "|---|---|", *rows, ""]))
    return "\n".join(parts)


def dependencies() -> dict[str, dict[str, str]]:
    """Return package -> what it is for, by group; empty text where no comment says it."""
    text = PYPROJECT.read_text()
    known = tomllib.loads(text)
    groups = {
        "dependencies": known["project"]["dependencies"],
        **{name: items for name, items in known["project"]["optional-dependencies"].items() if name != "all"},
        **known["dependency-groups"],
    }
    comments: dict[str, str] = {}
    for line in text.splitlines():
        match = _LINE.match(line)
        if match and match["why"]:
            comments.setdefault(match["name"], match["why"])
    return {group: {name: comments.get(name, "") for name in map(_name, items)} for group, items in groups.items()}


def _name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match
    return match[0]
