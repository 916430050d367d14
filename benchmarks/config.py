"""`check`, `plan` and `--help` of a large fleet's operator: seconds, and memory at its peak, of the whole command."""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import pyrage

from benchmarks.figure import Figure
from hubfleet._kit import process
from hubfleet.testing.fleets import write_fleet

HUBS, CLUSTERS, TIMES = 200, 30, 5
COMMAND = str(Path(sys.executable).with_name("hubfleet"))
# the kernel's own record of a child's peak begins with its parent's size, so the command tells its own
_PEAK = """
import sys
from hubfleet.cli.main import main
assert main(sys.argv[1:]) == 0
print([line for line in open("/proc/self/status") if line.startswith("VmHWM")][0], file=sys.stderr)
"""


def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        fleet, data = write_fleet(Path(name) / "fleet", hubs=HUBS, clusters=CLUSTERS), Path(name) / "data"
        key = _secret(fleet)
        check = _median(["check", "--fleet", str(fleet)])
        plan = _median(["plan", "--fleet", str(fleet), "--data", str(data), "--age-key", str(key)])
    size = f"{HUBS} hubs on {CLUSTERS} clusters"
    figures = []
    for command, (seconds, mib) in {"check": check, "plan": plan}.items():
        figures.append(Figure(f"`{command}`, {size}", seconds, "s", hold=2.0))
        figures.append(Figure(f"`{command}`, {size}, peak", mib, "MiB", hold=300.0))
    seconds, mib = _median(["--help"])
    return [*figures, Figure("`hubfleet --help`", seconds, "s", hold=0.3, note=f"{mib:.0f} MiB at its peak")]


def _secret(fleet: Path) -> Path:
    """Encrypt the secret to which the fleet's hubs refer; return the file with the key."""
    identity = pyrage.x25519.Identity.generate()
    (fleet / "secrets/github.age").write_bytes(pyrage.encrypt(b"client-secret", [identity.to_public()]))
    key = fleet.parent / "key"
    key.write_text(str(identity))
    return key


def _median(arguments: list[str]) -> tuple[float, float]:
    """Return the median seconds of a command's runs, and the most MiB that it holds (in a run of its own)."""
    seconds = []
    for _ in range(TIMES):
        began = time.perf_counter()
        process.run([COMMAND, *arguments], timeout_s=60)
        seconds.append(time.perf_counter() - began)
    told = process.run([sys.executable, "-c", _PEAK, *arguments], timeout_s=60).stderr
    return round(statistics.median(seconds), 3), round(int(told.split()[-2]) / 1024, 1)
