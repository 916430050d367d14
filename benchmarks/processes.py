"""Processor time and memory of processes; one that has just ended counts nothing."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil


def cpu_s(pids: Iterable[int]) -> float:
    """Return the processor seconds of processes, and of those below them that have ended."""
    total = 0.0
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            times = psutil.Process(pid).cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def pss_mib(pids: Iterable[int]) -> float:
    """Return memory as PSS: what processes share counts once, divided among them."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def below(pid: int) -> list[int]:
    """Return the processes below one."""
    with suppress(psutil.NoSuchProcess):
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    return []
