"""The rules on who may import whom are kept, and each of them can be broken."""

import os
import re
import shutil
import sys
from pathlib import Path

from hubfleet._kit import process

ROOT = Path(__file__).parents[2]
WRONG = {
    "layers": ("model/hub.py", "import hubfleet.hub.configure"),
    "only hub, the portal's sign-in and launchers know JupyterHub": ("plan/diff.py", "import jupyterhub"),
    "the checks of JupyterHub's traits run without JupyterHub": ("hub/checks.py", "import traitlets"),
    "only programs with an HTTP API know a web framework": ("cli/console.py", "import fastapi"),
    "only the protocol dials": ("platforms/breaks.py", "import httpx"),
    "only records know a database": ("hub/agents.py", "import sqlalchemy"),
    "only the command line prints": ("policy/choices.py", "import rich"),
    "only _kit.process starts commands": ("config/load.py", "import subprocess"),
}
"""For each contract of pyproject.toml a file, and what may not be imported in it."""


def test_each_contract_is_broken_by_an_import_against_it(tmp_path: Path) -> None:
    """A copy of the code with one wrong import for each rule breaks them all."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for where, line in WRONG.values():
        with (tmp_path / "src/hubfleet" / where).open("a") as file:
            file.write(f"\n{line}\n")
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src"), "NO_COLOR": "1"}
    found = process.run(command, env=environment, cwd=tmp_path, check=False, timeout_s=120)
    said = dict(re.findall(r"(?m)^([^:\n]+?)(?::.*)? (KEPT|BROKEN)(?: \(.*)?$", found.stdout))
    assert said == dict.fromkeys(WRONG, "BROKEN"), found.stdout
