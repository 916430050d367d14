"""`python -m benchmarks [NAME…] [--json]`: one table of one run, hubfleet against what one would use instead.

Names: config, proxy, start, memory, restart, builds; all of them by default. Run it from the project's folder.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from benchmarks import builds, config, memory, proxy, restart, start  # noqa: E402
from benchmarks.figure import Figure, markdown  # noqa: E402

MEASURES: dict[str, Callable[[], Sequence[Figure]]] = {
    "config": config.measure,
    "proxy": proxy.measure,
    "start": start.measure,
    "memory": memory.measure,
    "restart": restart.measure,
    "builds": builds.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MEASURES))
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.names if name not in MEASURES]
    if unknown:
        parser.error(f"no measure named {unknown[0]!r}; there are {', '.join(MEASURES)}")
    figures: list[Figure] = []
    try:
        for name in chosen.names or MEASURES:
            began = time.monotonic()
            print(f"{name} …", file=sys.stderr, flush=True)
            figures += MEASURES[name]()
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    finally:
        show(figures, as_json=chosen.json)


def show(figures: Sequence[Figure], *, as_json: bool) -> None:
    """Print what was measured, also where a later measure failed, and how busy the machine was."""
    load = round(os.getloadavg()[2], 1)
    if as_json:
        rows = [figure.as_json() for figure in figures]
        print(json.dumps({"cores": os.cpu_count(), "load_15_min": load, "figures": rows}, indent=1))
        return
    print(f"{os.cpu_count()} cores, load of the last 15 minutes {load}\n")
    print(markdown(figures))


if __name__ == "__main__":
    main()
