"""A program of another user, whose software and data lie below a folder that only root may enter."""

import os
import signal
import sys
from pathlib import Path

import pytest

from hubfleet._kit import process
from hubfleet.platforms.machine import reach
from programs import wait_for

pytestmark = [pytest.mark.integration, pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]
SEE = """
import os, sys, time
for name in ("software/tool", "data/kept", "secret"):
    print(name, os.path.exists(f"{sys.argv[1]}/{name}"))
for name in ("software", "data"):
    try:
        open(f"{sys.argv[1]}/{name}/new", "w").close()
    except OSError as error:
        print(name, error.strerror)
print(os.getpid(), os.getuid(), os.getcwd(), flush=True)
time.sleep(1000)
"""


def test_it_sees_what_it_needs_and_nothing_stands_between_it_and_who_ends_it(tmp_path: Path) -> None:
    """Software read-only, data writable, the rest of the closed folder not at all; kill -9 leaves nothing."""
    home = tmp_path / "home"
    for name in ("software", "data"):
        (home / name).mkdir(parents=True)
        os.chown(home / name, 190_005, 190_005)
    for name in ("software/tool", "data/kept", "secret"):
        (home / name).touch()
    home.chmod(0o700)
    command = reach.reachable(
        ["/usr/bin/python3", "-c", SEE, str(home)],
        (190_005, 190_005),
        (),
        low_ports=False,
        software=[home / "software", Path(sys.prefix)],
        data=home / "data",
    )
    output = tmp_path / "output"
    environment = {"PATH": os.environ["PATH"]}
    child = process.spawn(list(command), env=environment, cwd=home / "data", output=output)
    try:
        wait_for("its words", lambda: "190005" in output.read_text())
        assert output.read_text().splitlines() == [
            "software/tool True",
            "data/kept True",
            "secret False",
            "software Read-only file system",
            f"{child.pid} 190005 {home / 'data'}",
        ]
    finally:
        child.kill()
    assert child.wait(10) == -signal.SIGKILL
    assert (home / "data" / "new").exists()
    assert not (home / "software" / "new").exists()
