"""What is asked of systemd for what changed: a new unit, a restart, a reload, or nothing."""

import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from hubfleet._kit.process import Finished
from hubfleet.errors import PlatformError
from hubfleet.model.program import Program, ProgramFile
from hubfleet.platforms.machine.places import Places
from hubfleet.platforms.machine.systemd import Systemd


class FakeSystemctl:
    """Remembers what was asked, and shows units as active or as a test says."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.units: dict[str, dict[str, str]] = {}
        self.refuses = ""

    def __call__(self, arguments: Sequence[str]) -> Finished:
        """Do as asked."""
        verb, *rest = arguments
        if verb == self.refuses:
            return Finished(1, "", "Access denied\n")
        if verb == "show":
            names = [name for name in rest if not name.startswith("--")]
            return Finished(0, "\n\n".join(self._shown(name) for name in names), "")
        self.asked.append(tuple(item for item in arguments if not item.startswith("--")))
        for name in rest:
            if verb in {"start", "restart"} and name.endswith(".service"):
                self.units[name] = {"ActiveState": "active", "MainPID": "1"}
            if verb in {"stop", "disable"} and name in self.units:
                self.units[name] = {"ActiveState": "inactive"}
        return Finished(0, "", "")

    def _shown(self, name: str) -> str:
        values = {"Id": name, **self.units.get(name, {"ActiveState": "inactive"})}
        return "\n".join(f"{key}={value}" for key, value in values.items())

    def since(self) -> list[tuple[str, ...]]:
        """Return what was asked since the last time."""
        asked, self.asked = self.asked, []
        return asked


UNIT = "hubfleet-reef-one.service"
PROGRAM = Program(
    name="one",
    command=("/bin/sleep", "1000"),
    files=(ProgramFile(path="a", content="1"),),
    reload_signal=int(signal.SIGUSR2),
    keeps=("a",),
)


@pytest.fixture
def systemctl() -> FakeSystemctl:
    """Nothing is there yet."""
    return FakeSystemctl()


@pytest.fixture
def systemd(tmp_path: Path, systemctl: FakeSystemctl) -> Systemd:
    """Units in a folder of the test's own."""
    (tmp_path / "units").mkdir()
    places = Places(tmp_path / "data")
    places.programs.mkdir(parents=True)
    return Systemd(places, "reef", units=tmp_path / "units", call=systemctl)


def test_a_new_program_is_a_unit_that_starts_at_boot(systemd: Systemd, systemctl: FakeSystemctl) -> None:
    """Written, read by systemd, enabled, started."""
    systemd.ensure()
    systemctl.since()
    systemd.put(PROGRAM)
    assert systemctl.since() == [("daemon-reload",), ("enable", UNIT), ("restart", UNIT)]
    assert systemd.status()["one"].state == "healthy"


def test_what_runs_unchanged_is_left_alone(systemd: Systemd, systemctl: FakeSystemctl) -> None:
    """Neither restarted nor reloaded."""
    systemd.ensure()
    systemd.put(PROGRAM)
    systemctl.since()
    systemd.put(PROGRAM)
    assert systemctl.since() == [("enable", UNIT)]


def test_a_change_of_kept_files_is_a_reload_and_any_other_a_restart(systemd: Systemd, systemctl: FakeSystemctl) -> None:
    """As with the supervisor."""
    systemd.ensure()
    systemd.put(PROGRAM)
    systemctl.since()
    changed = PROGRAM.model_copy(update={"files": (ProgramFile(path="a", content="2"),)})
    systemd.put(changed)
    assert systemctl.since()[-1] == ("reload", UNIT)
    assert (systemd.places.programs / "one/a").read_text() == "2"
    systemd.put(changed.model_copy(update={"command": ("/bin/sleep", "2000")}))
    assert systemctl.since() == [("daemon-reload",), ("enable", UNIT), ("restart", UNIT)]


def test_what_failed_is_started_by_the_next_apply(systemd: Systemd, systemctl: FakeSystemctl) -> None:
    """A unit that systemd gave up, or waits with, is restarted though nothing changed."""
    systemd.ensure()
    systemd.put(PROGRAM)
    systemctl.units[UNIT] = {"ActiveState": "activating", "SubState": "auto-restart", "NRestarts": "4"}
    assert systemd.status()["one"].state == "waiting"
    systemctl.since()
    systemd.put(PROGRAM)
    assert ("restart", UNIT) in systemctl.since()


def test_the_end_leaves_no_unit_but_all_that_the_next_apply_needs(
    systemd: Systemd, systemctl: FakeSystemctl, tmp_path: Path
) -> None:
    """Stopped, disabled, removed; nothing counts as running."""
    systemd.ensure()
    systemd.put(PROGRAM)
    systemd.end()
    assert not list((tmp_path / "units").iterdir())
    assert not systemd.runs()
    assert (systemd.places.programs / "one/program.json").exists()
    assert systemctl.since()[-1] == ("daemon-reload",)


def test_a_removed_program_has_no_unit(systemd: Systemd, systemctl: FakeSystemctl, tmp_path: Path) -> None:
    """It is stopped first."""
    systemd.ensure()
    systemd.put(PROGRAM)
    systemctl.since()
    systemd.remove("one")
    assert systemctl.since()[0] == ("disable", UNIT)
    assert not (tmp_path / "units" / UNIT).exists()
    assert systemd.status() == {}


def test_another_installation_of_that_name_is_left_alone(
    systemd: Systemd, systemctl: FakeSystemctl, tmp_path: Path
) -> None:
    """The error names the way out."""
    systemd.ensure()
    other = Systemd(Places(tmp_path / "other"), "reef", units=tmp_path / "units", call=systemctl)
    assert not other.installed()
    with pytest.raises(PlatformError, match="another installation"):
        other.ensure()


def test_a_refusal_of_systemd_is_said_in_its_words(systemd: Systemd, systemctl: FakeSystemctl) -> None:
    """With where to look."""
    systemctl.refuses = "enable"
    with pytest.raises(PlatformError, match="refuses to enable: Access denied"):
        systemd.ensure()
