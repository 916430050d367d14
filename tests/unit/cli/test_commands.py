"""Commands that look at files only."""

import json
from pathlib import Path

import pytest

from fleets import HUB, write
from hubfleet.cli import main as cli
from hubfleet.cli.commands import COMMANDS, Entry
from hubfleet.errors import HubfleetError

main = cli.main


def test_check_says_what_there_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A right fleet is one line and exit code 0."""
    assert main(["check", "--fleet", str(write(tmp_path, hub=HUB + "staging: true\n"))]) == 0
    assert capsys.readouterr().out == "test: 1 hub and 1 staging twin on 1 cluster, no errors, no warnings\n"


def test_check_shows_errors_with_hints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Errors go to standard error as STYLE.md shows them, and the exit code is 2."""
    monkeypatch.chdir(write(tmp_path, hub=HUB + "cluster: hre\n"))
    assert main(["check"]) == 2
    assert capsys.readouterr().err == (
        "error: hubs/sea.yaml:4: no cluster named 'hre' [unknown-name]\n"
        "  hint: did you mean 'here'? known clusters: here\n"
        "1 error in the configuration\n"
    )


def test_places_are_seen_from_here(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal can open the file that an error names."""
    write(tmp_path / "fleet", hub=HUB + "cluster: hre\n")
    monkeypatch.chdir(tmp_path)
    main(["check", "--fleet", "fleet"])
    assert "error: fleet/hubs/sea.yaml:4:" in capsys.readouterr().err


def test_check_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--json gives errors as data, with the same exit code."""
    assert main(["check", "--json", "--fleet", str(write(tmp_path, hub=HUB + "titel: x\n"))]) == 2
    found = json.loads(capsys.readouterr().out)["errors"]
    assert [(error["line"], error["code"]) for error in found] == [(4, "unknown-key")]


def test_explain_one_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The value, who set it, and what it took the place of."""
    fleet = str(write(tmp_path, hub=HUB + "home: {quota_gib: 1}\n"))
    assert main(["explain", "sea", "home.quota_gib", "--fleet", fleet]) == 0
    assert capsys.readouterr().out == (
        "home.quota_gib = 1\n"
        "  set by hubs/sea.yaml:4 (hub)\n"
        "  over 5 from built-in presets/education.yaml:4 (preset education)\n"
    )


def test_explain_a_whole_hub(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All values in a table."""
    assert main(["explain", "sea", "--fleet", str(write(tmp_path, hub=HUB))]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("KEY ")
    assert "profiles.standard.cpu" in shown


@pytest.mark.parametrize("arguments", [["explain", "see"], ["explain", "sea", "home.size"]])
def test_explain_nothing_is_an_error(tmp_path: Path, arguments: list[str]) -> None:
    """A hub or key that is not there is wrong use of the files."""
    assert main([*arguments, "--fleet", str(write(tmp_path, hub=HUB))]) == 2


def test_schemas_are_written(tmp_path: Path) -> None:
    """One for each kind of file, with the docstrings as descriptions."""
    assert main(["schema", "--out", str(tmp_path)]) == 0
    schema = json.loads((tmp_path / "hub.json").read_text())
    assert schema["properties"]["admins"]["description"].startswith("Who may see and change")
    assert {path.name for path in tmp_path.iterdir()} == {"fleet.json", "cluster.json", "hub.json", "preset.json"}


def test_init_makes_a_fleet_that_is_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What init writes passes check without a warning, and editors find its schemas."""
    assert main(["init", str(tmp_path / "My Fleet 2")]) == 0
    assert main(["check", "--fleet", str(tmp_path / "My Fleet 2")]) == 0
    assert "my-fleet-2: 1 hub on 1 cluster, no errors, no warnings" in capsys.readouterr().out
    for name in ("fleet.yaml", "hubs/first.yaml", "clusters/here.yaml"):
        file = tmp_path / "My Fleet 2" / name
        schema = file.read_text().splitlines()[0].removeprefix("# yaml-language-server: $schema=")
        assert (file.parent / schema).is_file()


def test_init_never_writes_over_a_fleet(tmp_path: Path) -> None:
    """A folder with a fleet stays as it is."""
    write(tmp_path)
    assert main(["init", str(tmp_path)]) == 2
    assert not (tmp_path / "hubs").exists()


def test_a_new_hub_is_right_and_short(tmp_path: Path) -> None:
    """One command, ten lines or fewer."""
    fleet = str(write(tmp_path))
    assert main(["hub", "new", "lake", "--preset", "research", "--cluster", "here", "--fleet", fleet]) == 0
    assert main(["check", "--fleet", fleet]) == 0
    assert len((tmp_path / "hubs/lake.yaml").read_text().splitlines()) <= 10


@pytest.mark.parametrize(
    "arguments",
    [
        ["hub", "new", "sea"],
        ["hub", "new", "Big Lake"],
        ["hub", "new", "lake", "--preset", "reserch"],
        ["hub", "new", "lake", "--cluster", "west"],
        ["cluster", "add", "here"],
        ["cluster", "add", "far", "--kind", "kubernetes"],
        ["cluster", "add", "far", "--kind", "moon"],
    ],
)
def test_what_cannot_be_added_leaves_the_fleet_alone(tmp_path: Path, arguments: list[str]) -> None:
    """Wrong names write nothing."""
    write(tmp_path, hub=HUB)
    before = sorted(tmp_path.rglob("*.yaml"))
    assert main([*arguments, "--fleet", str(tmp_path)]) == 2
    assert sorted(tmp_path.rglob("*.yaml")) == before


def test_a_cluster_can_be_added(tmp_path: Path) -> None:
    """The new file is right."""
    fleet = str(write(tmp_path, hub=HUB + "cluster: here\n"))
    assert main(["cluster", "add", "west", "--kind", "machine", "--listen", "127.0.0.1:9000", "--fleet", fleet]) == 0
    assert main(["check", "--fleet", fleet]) == 0


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The version is one line."""
    assert main(["version"]) == 0
    assert capsys.readouterr().out.startswith("hubfleet ")


@pytest.mark.parametrize("arguments", [["chek"], ["check", "--flet"], ["explain"]])
def test_wrong_use_is_exit_code_2(arguments: list[str]) -> None:
    """Arguments that cannot be are told apart from failures."""
    assert main(arguments) == 2


def test_a_misspelled_command_is_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    """Did you mean."""
    main(["chek"])
    assert "did you mean 'check'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [(HubfleetError("no"), 1), (KeyboardInterrupt(), 130)],
)
def test_exit_codes_of_failures(monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int) -> None:
    """1 where something failed, 130 where a person stopped it."""

    def fail(self: Entry) -> None:
        raise error

    monkeypatch.setattr(Entry, "load", fail)
    assert main(["version"]) == code


def test_every_command_can_be_imported() -> None:
    """The table names modules that exist."""
    assert all(entry.load() for entry in COMMANDS)


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """One line each."""
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {entry.name} " in shown for entry in COMMANDS)


def test_colour_is_for_terminals_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What goes into a file has no escape codes."""
    main(["check", "--fleet", str(write(tmp_path, hub="a: 1\n"))])
    assert "\033" not in capsys.readouterr().err
