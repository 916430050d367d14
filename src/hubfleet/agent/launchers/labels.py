"""Finding the agent's own processes by their label, recorded or not.

Anybody can set an environment variable; so a label counts only where no server can put one: on a process of the agent's
own user id that is in the agent's own process namespace (bubblewrap outside), or that is the first one of a namespace
directly below (bubblewrap inside). A server's own processes are below that, and never the first.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hubfleet._kit.process import ProcessId
from hubfleet.agent.launchers.bubblewrap import LABEL_VARIABLE


@dataclass
class Labelled:
    """What runs of one server."""

    monitor: ProcessId | None = None
    init: ProcessId | None = None


def scan(label: str, proc: Path = Path("/proc")) -> Mapping[str, Labelled]:
    """Return the servers that have processes with the agent's label; blocks for some milliseconds."""
    found: dict[str, Labelled] = {}
    depth = len(_namespace_ids(proc / "self") or [0])
    prefix = f"{LABEL_VARIABLE}={label}/".encode()
    for folder in proc.iterdir():
        if not folder.name.isdigit():
            continue
        server = _labelled(folder, prefix)
        ids = _namespace_ids(folder) if server else None
        name = ProcessId.of(int(folder.name)) if ids else None
        if not server or not ids or not name:
            continue
        entry = found.setdefault(server, Labelled())
        if len(ids) == depth:
            entry.monitor = name
        elif len(ids) == depth + 1 and ids[-1] == 1:
            entry.init = name
    return {server: entry for server, entry in found.items() if entry.monitor or entry.init}


def _labelled(folder: Path, prefix: bytes) -> str:
    try:
        if folder.stat().st_uid != os.getuid():
            return ""
        environment = (folder / "environ").read_bytes()
    except OSError:
        return ""
    value = next((item for item in environment.split(b"\0") if item.startswith(prefix)), b"")
    return value.removeprefix(prefix).decode(errors="replace")


def _namespace_ids(folder: Path) -> list[int] | None:
    try:
        lines = (folder / "status").read_text().splitlines()
    except OSError:
        return None
    line = next((line for line in lines if line.startswith("NSpid:")), "")
    return [int(part) for part in line.split()[1:]] or None
