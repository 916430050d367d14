"""What is taken of a folder in somebody's home: plain files within limits, and nothing that a link leads to."""

import io
import os
import stat
import zipfile
from pathlib import Path

import pytest

from hubfleet.agent.environments import packing
from hubfleet.agent.environments.packing import Packing, RefusalError


def pack(home: Path, path: str = "work", **limits: int) -> tuple[dict[str, bytes], list[str]]:
    """Return the files of an archive, and what was left out of it."""
    made = Packing(**{"max_bytes": 10_000, "max_files": 20, "max_archive": 10_000, **limits})
    handle = packing._opened(str(home), path.split("/"))
    try:
        made.folder(handle)
    finally:
        os.close(handle)
    with zipfile.ZipFile(io.BytesIO(made.done())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}, made.left_out


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder in a home."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def test_files_and_folders_are_taken_with_their_right_to_run(tmp_path: Path, work: Path) -> None:
    (work / "sub" / ".binder").mkdir(parents=True)
    (work / "sub" / ".binder" / "apt.txt").write_text("curl")
    (work / "one.ipynb").write_text("{}")
    (work / "postBuild").write_text("x")
    (work / "postBuild").chmod(0o700)
    assert pack(tmp_path) == ({"one.ipynb": b"{}", "postBuild": b"x", "sub/.binder/apt.txt": b"curl"}, [])
    assert pack(tmp_path, "work/sub") == ({".binder/apt.txt": b"curl"}, [])


def test_the_right_to_run_is_kept(tmp_path: Path, work: Path) -> None:
    (work / "a").write_text("x")
    (work / "a").chmod(0o700)
    made = Packing(max_bytes=10, max_files=10, max_archive=1000)
    handle = os.open(work, os.O_RDONLY)
    made.folder(handle)
    os.close(handle)
    with zipfile.ZipFile(io.BytesIO(made.done())) as archive:
        assert archive.getinfo("a").external_attr >> 16 & stat.S_IXUSR


def test_the_same_files_are_the_same_bytes(tmp_path: Path, work: Path) -> None:
    """Whenever they were written."""
    (work / "a").write_text("x")
    first = pack(tmp_path)
    os.utime(work / "a", (0, 0))
    assert pack(tmp_path) == first


def test_what_is_no_plain_file_is_left_out_by_name(tmp_path: Path, work: Path) -> None:
    """A pipe does not hold it up, and a link leads nowhere."""
    (tmp_path / "secret").write_text("x")
    (work / "file").write_text("x")
    (work / "link").symlink_to(tmp_path / "secret")
    (work / "folder").symlink_to(tmp_path)
    os.mkfifo(work / "pipe")
    (work / "odd\nname").write_text("x")
    assert pack(tmp_path) == (
        {"file": b"x"},
        ["folder (a link)", "link (a link)", "'odd\\nname' (its name)", "pipe (no plain file)"],
    )


def test_what_tools_make_and_what_is_hidden_is_left_out(tmp_path: Path, work: Path) -> None:
    for name in (".git/config", "node_modules/x", "__pycache__/x", "venv/pyvenv.cfg", "conda/conda-meta/history", "a"):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text("x")
    files, left_out = pack(tmp_path)
    assert files == {"a": b"x"}
    assert left_out == [
        ".git (hidden)",
        "__pycache__ (tools make it again)",
        "conda (an environment)",
        "node_modules (tools make it again)",
        "venv (an environment)",
    ]


@pytest.mark.parametrize("path", ["..", "work/..", "", "work//sub", ".cache", "/etc"])
def test_a_path_that_leads_out_is_refused(tmp_path: Path, work: Path, path: str) -> None:
    with pytest.raises(RefusalError, match="is no folder that can be taken"):
        pack(tmp_path, path)


def test_a_link_a_file_and_nothing_are_no_folders(tmp_path: Path, work: Path) -> None:
    """Nor is what lies behind a link in the middle of a path."""
    (tmp_path / "link").symlink_to(work)
    (work / "sub").mkdir()
    (work / "file").write_text("x")
    for path, said in (
        ("link", "'link' is a link"),
        ("link/sub", "'link' is a link"),
        ("work/file", "'work/file' is a file"),
        ("work/none", "there is no folder 'work/none' in your home"),
    ):
        with pytest.raises(RefusalError, match=said):
            pack(tmp_path, path)


def test_no_more_of_a_file_is_read_than_it_held_at_first(
    tmp_path: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that grows meanwhile has no end otherwise."""
    (work / "grows").write_bytes(b"1234")
    real = os.fstat

    def as_it_was(handle: int) -> os.stat_result:
        found = real(handle)
        (work / "grows").write_bytes(b"123456789")
        return found

    monkeypatch.setattr(packing.os, "fstat", as_it_was)
    assert pack(tmp_path) == ({"grows": b"1234"}, [])


def test_limits_hold(tmp_path: Path, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For files, entries, bytes and the archive; a file that says that it is huge is not read."""
    with (work / "sparse").open("wb") as file:
        file.truncate(10**13)
    with pytest.raises(RefusalError, match="with 'sparse' it is over the limit"):
        pack(tmp_path)
    (work / "sparse").write_bytes(os.urandom(9000))
    with pytest.raises(RefusalError, match="larger than 0 MB as an archive"):
        pack(tmp_path, max_archive=5000)
    for number in range(20):
        (work / str(number)).write_text("")
    with pytest.raises(RefusalError, match="more than 20 files"):
        pack(tmp_path)
    monkeypatch.setattr(packing, "_ENTRIES_MAX", 20)
    with pytest.raises(RefusalError, match="more than 100 files"):
        pack(tmp_path, max_files=100)


def test_what_is_too_deep_is_left_out(tmp_path: Path, work: Path) -> None:
    (work / "/".join("d" * 45)).mkdir(parents=True)
    (work / "a").write_text("x")
    assert pack(tmp_path) == ({"a": b"x"}, [f"{'/'.join('d' * 41)} (too deep)"])
