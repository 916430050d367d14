"""Programs as units of systemd: the whole text is compared, and systemd itself finds nothing wrong with it."""

import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from hubfleet._kit import process
from hubfleet.model.program import HealthCheck, Program
from hubfleet.platforms.machine.units import Setting, render, render_target

GOLDEN = Path(__file__).parent / "golden"
DATA = Path("/var/lib/hubfleet/reef")
PYTHON = "/usr/bin/python3"

SETTING = Setting(
    fleet="reef",
    data=DATA,
    drop=("/usr/bin/setpriv", "--reuid=190001", "--regid=190001", "--clear-groups", "--"),
    environment={"HOME": str(DATA / "programs/x"), "HUBFLEET_PROGRAM": f"{DATA}/x", "LANG": "C.UTF-8"},
    python=PYTHON,
    software=(Path("/opt/hubfleet"),),
)
HUB = Program(
    name="hub-ocean",
    command=(PYTHON, "-m", "jupyterhub", "-f", "jupyterhub_config.py"),
    user="hub-ocean",
    groups=("agent-here",),
    after=("routes",),
    writes=("hubs/ocean",),
    health=HealthCheck(url="http://127.0.0.1:20001/hub/health"),
)
PROXY = Program(
    name="proxy",
    command=(PYTHON, "-m", "hubfleet.routes.proxy", "settings.json"),
    user="proxy",
    low_ports=True,
    after=("agent-here",),
    writes=("proxy", "certificates/acme"),
    health=HealthCheck(url="https://0.0.0.0:443/", host="proxy.invalid"),
    reload_signal=int(signal.SIGUSR2),
    keeps=("settings.json",),
)
AGENT = Program(
    name="agent-here",
    command=(PYTHON, "-m", "hubfleet.agent", "settings.json"),
    writes=("agents/here",),
    health=HealthCheck(url=f"unix:{DATA}/run/agent-here.sock:/v1/healthz"),
)
HIDDEN = replace(SETTING, software=(Path("/root/hubfleet/.venv"), Path("/root/hubfleet/src")), closed=(Path("/root"),))
RENDERED = {
    "hubfleet-reef-hub-ocean.service": render(HUB, SETTING),
    "hubfleet-reef-proxy.service": render(PROXY, SETTING),
    "hubfleet-reef-agent-here.service": render(AGENT, replace(SETTING, drop=())),
    "hubfleet-reef-routes.service": render(Program(name="routes", command=(PYTHON,), user="proxy"), HIDDEN),
    "hubfleet-reef.target": render_target("reef", DATA),
}


@pytest.mark.parametrize("name", RENDERED)
def test_a_unit_is_as_it_was_agreed(name: str) -> None:
    """Compared with golden/; HUBFLEET_GOLDEN=write writes those anew, to be looked at."""
    path = GOLDEN / name
    if os.environ.get("HUBFLEET_GOLDEN") == "write":
        path.write_text(RENDERED[name])
    assert RENDERED[name] == path.read_text()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    """`systemd-analyze verify` reads all units together and says nothing."""
    for name, text in RENDERED.items():
        (tmp_path / name).write_text(text)
    done = process.run(["systemd-analyze", "verify", *(str(tmp_path / name) for name in RENDERED)], check=False)
    assert (done.status, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_says_when_something_is_wrong(tmp_path: Path) -> None:
    """So that the test above can fail."""
    path = tmp_path / "hubfleet-reef-routes.service"
    path.write_text(RENDERED[path.name].replace("ProtectSystem", "ProtectSystems"))
    assert "ProtectSystems" in process.run(["systemd-analyze", "verify", str(path)], check=False).stderr


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("plain", "plain"),
        ("two words", '"two words"'),
        ('say "so"', '"say \\"so\\""'),
        ("100%", "100%%"),
        ("$HOME", '"$$HOME"'),
        ("back\\slash", '"back\\\\slash"'),
        ("", '""'),
    ],
)
def test_words_of_a_command_reach_the_program_as_they_are(word: str, written: str) -> None:
    """Neither specifiers, nor variables, nor spaces are read out of them."""
    text = render(Program(name="x", command=("/bin/echo", word)), replace(SETTING, drop=()))
    assert f"ExecStart=/bin/echo {written}\n" in text


def test_data_and_software_are_not_hidden_with_the_folder_that_they_are_in() -> None:
    """A program's /tmp is its own, with the data folder in it; homes are left open where software is in one."""
    lines = render(HUB, replace(SETTING, data=Path("/tmp/x"), software=(Path("/home/ada/venv"),))).splitlines()
    assert {"PrivateTmp=yes", "BindPaths=/tmp/x"} <= set(lines)
    assert not [line for line in lines if line.startswith("ProtectHome")]
