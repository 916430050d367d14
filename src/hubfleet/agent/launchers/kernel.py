"""Starts a notebook's kernel, and says in the first cell that runs if the one before it went for want of memory.

It is read as text and run by the environment's own Python inside the sandbox, like the start program. JupyterLab itself
only says that a kernel appears to have died.
"""

import atexit
import os
import sys
from pathlib import Path
from typing import Any

MARKS = Path("/tmp/.hubfleet-kernels")  # noqa: S108 - the server's own /tmp, which ends with it
COUNTER = Path("/proc/vmstat")
GIB = 1024**3


def main() -> None:
    """Become the kernel."""
    # the folder of this file, which is nobody's to import from
    del sys.path[0]
    killed = _out_of_memory(MARKS / Path(sys.argv[-1]).name)
    from ipykernel.kernelapp import IPKernelApp

    app = IPKernelApp.instance()
    app.initialize(sys.argv[1:])
    if killed:
        _tell_once(app.shell)
    app.start()


def _out_of_memory(mark: Path) -> bool:
    """Say whether the kernel before this one, of the same notebook, was ended for its memory.

    It left its mark behind, which it takes away when it ends by itself, and Linux has ended processes for their memory
    since.
    """
    now = _count()
    try:
        before = int(mark.read_text())
    except (OSError, ValueError):
        before = now
    try:
        mark.parent.mkdir(exist_ok=True)
        mark.write_text(str(now))
    except OSError:
        return False
    atexit.register(lambda: mark.unlink(missing_ok=True))
    return now > before


def _count() -> int:
    try:
        lines = dict(line.split() for line in COUNTER.read_text().splitlines())
        return int(lines.get("oom_kill", 0))
    except (OSError, ValueError):
        return 0


def _tell_once(shell: Any) -> None:
    limit = os.environ.get("MEM_LIMIT", "")
    size = f" of {round(int(limit) / GIB, 2):g} GiB" if limit.isdigit() else ""

    def tell(*_: object) -> None:
        shell.events.unregister("pre_run_cell", tell)
        print(  # noqa: T201 - what a cell prints is where the person looks
            f"This kernel is a new one: the one before it went over the server's memory limit{size} and was ended.\n"
            "Its variables are gone, files and notebook are not. Load less at once, or start a larger server.",
            file=sys.stderr,
            flush=True,
        )

    shell.events.register("pre_run_cell", tell)


if __name__ == "__main__":
    main()
