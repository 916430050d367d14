"""What may be written but nothing honours yet, from the table that `check` uses."""

from hubfleet.config.support import CLUSTER, FLEET, HUB, Unsupported


def page() -> str:
    """Return the page."""
    parts = [
        "# Not supported yet\n\nhubfleet knows these keys and refuses them with the error "
        "[`not-supported`](errors.md), with file and line, rather than ignore them. Written as `false`, `0` or `null` "
        "they pass, since that is what happens anyway.\n\nBeside these, `servers_on` may name the hub's own cluster "
        "only, and all of a fleet's clusters and hubs are on one machine.\n"
    ]
    for title, table in (("`hubs/NAME.yaml`, presets, `defaults`", HUB), ("`clusters/NAME.yaml`", CLUSTER)):
        parts.append(f"## In {title}\n\n{_table(table)}")
    parts.append(f"## In `fleet.yaml`\n\n{_table(FLEET)}")
    return "\n".join(parts)


def _table(table: tuple[Unsupported, ...]) -> str:
    rows = [f"| `{entry.path}` | {_values(entry)} | {entry.hint or ''} |" for entry in table]
    return "\n".join(["| key | refused values | instead |", "|---|---|---|", *rows, ""])


def _values(entry: Unsupported) -> str:
    if entry.values:
        return ", ".join(f"`{value}`" for value in sorted(map(str, entry.values)))
    return f"all but `{entry.other_than}`" if entry.other_than is not None else "all"
