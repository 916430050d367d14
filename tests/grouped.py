"""Starts Python programs in a server's control group, as its sandbox joins it."""

import sys
from pathlib import Path

from hubfleet._kit import process
from hubfleet.agent.launchers.groups import Groups


def joined(groups: Groups, server: str, code: str, *, output: Path | None = None) -> process.Child:
    """Start a program that joins first."""
    join = "\n".join(f"open({str(path)!r}, 'w').write(str(os.getpid()))" for path in groups.join_files(server))
    command = [sys.executable, "-c", f"import os, signal, time\n{join}\n{code}"]
    return process.spawn(command, env={}, cwd=Path("/"), output=output)
