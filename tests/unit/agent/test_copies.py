"""Copies of a repository's files in a home, as the start program makes them."""

from pathlib import Path

import pytest

from hubfleet.agent.launchers import copies


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home, and beside it a repository's files."""
    (tmp_path / "tree/.git").mkdir(parents=True)
    (tmp_path / "tree/sub").mkdir()
    (tmp_path / "tree/sub/one.ipynb").write_text("{}")
    (tmp_path / "tree/away").symlink_to("/etc/hosts")
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def told(home: Path, **more: str) -> dict[str, str]:
    """Return what the program is told."""
    known = {
        "from": str(home.parent / "tree"),
        "folder": "tides",
        "repository": "https://x.org/tides",
        "server": "s",
        "update": "",
    }
    return {**known, "commit": "a" * 40, "open": "", "page": "/lab/tree", **more}


def landing(home: Path, content: dict[str, str]) -> str:
    """Make the copy and return what its person sees first."""
    return copies.landing(home, copies.put(home, content), content)


def seen(folder: Path) -> list[str]:
    """Return what is in a folder, but our own."""
    return sorted(path.name for path in folder.iterdir() if path.name not in {".git", ".hubfleet"})


@pytest.mark.parametrize(("opened", "seen_first"), [("", "tides"), ("sub/one.ipynb", "tides/sub/one.ipynb")])
def test_a_copy_is_a_folder_and_links_stay_links(home: Path, opened: str, seen_first: str) -> None:
    """The page opens what was asked for in it."""
    assert landing(home, told(home, open=opened)) == seen_first
    assert seen(home) == ["tides"]
    assert seen(home / "tides") == ["away", "sub"]
    assert (home / "tides/away").is_symlink()


def test_the_same_commit_is_the_same_folder_and_anything_else_gets_another(home: Path) -> None:
    """Nothing that is there is touched, whatever it is."""
    (home / "tides").symlink_to("nowhere")
    second = f"tides-{'a' * 7}"
    assert landing(home, told(home)) == second
    (home / second / "sub/one.ipynb").write_text("mine")
    assert landing(home, told(home)) == second
    assert (home / second / "sub/one.ipynb").read_text() == "mine"
    assert landing(home, told(home, repository="https://y.org/tides")) == f"{second}-2"
    assert (home / "tides").is_symlink()


def test_an_empty_home_becomes_the_repository(home: Path) -> None:
    """As Binder's links expect; what cut a first copy off is made up for."""
    (home / ".hubfleet/copy-s/half").mkdir(parents=True)
    assert landing(home, told(home, folder="", open="sub/one.ipynb")) == "sub/one.ipynb"
    assert seen(home) == ["away", "sub"]
    (home / "sub/one.ipynb").write_text("mine")
    assert landing(home, told(home, folder="")) == ""
    assert (home / "sub/one.ipynb").read_text() == "mine"
    assert not list((home / ".hubfleet").iterdir())


def test_what_cannot_be_copied_ends_the_start_with_the_reason(home: Path) -> None:
    """Such as into a home where something else is in the way; it stays as it is."""
    (home / ".hubfleet").write_text("in the way")
    with pytest.raises(SystemExit, match=r"cannot be copied into the home: .*Not a directory"):
        copies.put(home, told(home))
    assert (home / ".hubfleet").read_text() == "in the way"


def test_files_that_are_not_there_end_the_start_with_the_reason(home: Path) -> None:
    """Nothing half made is left."""
    with pytest.raises(SystemExit, match="cannot be copied into the home"):
        copies.put(home, told(home, **{"from": str(home / "missing")}))
    assert seen(home) == []
