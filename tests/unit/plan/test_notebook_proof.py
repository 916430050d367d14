"""A proof finds the notebooks that are meant, runs what they say is to be run, and refuses what it cannot."""

import json
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from hubfleet.errors import ProofError
from hubfleet.plan import notebook_proof
from hubfleet.plan.notebook_proof import NotebookProof, _packed
from hubfleet.protocol.front_door import FrontDoor


def written(folder: Path, path: str, *, cells: list[object] | None = None, **more: object) -> None:
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps({"nbformat": 4, "cells": cells or [], "metadata": {}} | more))


def proof(folder: Path, **more: str) -> NotebookProof:
    return NotebookProof(FrontDoor.at("https://ocean.example.org"), "t1", folder, **more)


def test_hidden_copies_and_other_files_are_no_notebooks(tmp_path: Path) -> None:
    """Nor what the pattern leaves out."""
    for path in ("a.ipynb", "part/b.ipynb", ".ipynb_checkpoints/a.ipynb", "part/.c.ipynb", "data.json"):
        written(tmp_path, path)
    assert [str(path) for path in proof(tmp_path).notebooks()] == ["a.ipynb", "part/b.ipynb"]
    assert [str(path) for path in proof(tmp_path, pattern="part/*").notebooks()] == ["part/b.ipynb"]


def test_only_code_runs(tmp_path: Path) -> None:
    """Neither text, nor empty cells, nor those that say so; sources come as text or as lines."""
    cells = [
        {"cell_type": "markdown", "source": "text"},
        {"cell_type": "code", "source": ["a\n", "b"]},
        {"cell_type": "code", "source": "  "},
        {"cell_type": "code", "source": "c", "metadata": {"tags": ["skip-execution"]}},
        {"cell_type": "code", "source": "d", "metadata": {"tags": 7}},
    ]
    written(tmp_path, "a.ipynb", cells=cells)
    (notebook,) = proof(tmp_path).notebooks().values()
    assert [cell.code for cell in notebook.cells] == ["", "a\nb", "", "", "d"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"nbformat": 3}, "old format 3"),
        ({"cells": 7}, "cannot be read"),
        ({"metadata": {"kernelspec": {"name": "ir", "language": "R"}}}, "is in r"),
        ({"metadata": {"language_info": {"name": "julia"}}}, "is in julia"),
    ],
)
def test_what_cannot_be_run_is_named(tmp_path: Path, more: dict[str, object], words: str) -> None:
    """Rather than passed over: a proof that proves less than it says is none."""
    written(tmp_path, "odd.ipynb", **more)
    with pytest.raises(ProofError, match=words) as caught:
        proof(tmp_path).notebooks()
    assert "odd.ipynb" in caught.value.message


def test_files_go_along_but_hidden_ones_and_links(tmp_path: Path) -> None:
    """Git's folder, with what a checkout keeps there, stays where it is."""
    for path in ("a.ipynb", "part/data.csv", ".git/config", ".env"):
        written(tmp_path, path)
    (tmp_path / "link").symlink_to("/etc/passwd")
    with tarfile.open(fileobj=BytesIO(_packed(tmp_path))) as archive:
        assert sorted(archive.getnames()) == ["a.ipynb", "part/data.csv"]


def test_a_folder_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is sent."""
    monkeypatch.setattr(notebook_proof, "FILES_MAX", 2)
    for name in "abc":
        written(tmp_path, name)
    with pytest.raises(ProofError, match="more than 2 files"):
        _packed(tmp_path)
