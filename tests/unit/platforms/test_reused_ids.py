"""A process id that was written down and belongs to another process now: nobody else's process is taken for ours."""

import json
from pathlib import Path

import pytest

from hubfleet._kit.process import ProcessId
from hubfleet.model.program import Program
from hubfleet.platforms.machine.keeper import Keeper, Launch, record, recorded


def _written(folder: Path, found: ProcessId, **changes: object) -> Path:
    path = folder / "process.json"
    record(path, found)
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return path


def test_a_process_of_this_boot_is_found_again(tmp_path: Path, stranger: ProcessId) -> None:
    """What was written down just now is what is read: the tests below differ in one number each."""
    assert recorded(_written(tmp_path, stranger)) == stranger


@pytest.mark.parametrize("changes", [{"start_ticks": 1}, {"boot": "another"}, {"boot": None}])
def test_a_reused_id_is_nobody(tmp_path: Path, stranger: ProcessId, changes: dict[str, object]) -> None:
    """The same id with another start, or the same id and start of another boot, is no program of ours."""
    assert recorded(_written(tmp_path, stranger, **changes)) is None


@pytest.mark.parametrize("changes", [{"start_ticks": 1}, {"boot": "another"}])
def test_ending_a_program_ends_no_stranger(tmp_path: Path, stranger: ProcessId, changes: dict[str, object]) -> None:
    """A keeper that finds such a record ends nothing, and forgets it."""
    path = _written(tmp_path, stranger, **changes)
    launch = Launch(("/bin/false",), {}, tmp_path, tmp_path / "log")
    Keeper(Program(name="one", command=("/bin/false",)), launch, healthy_first=lambda: False).stop()
    assert stranger.alive()
    assert not path.exists()
