"""Stand-ins for what conda has chosen, so that uv chooses PyPI's packages to go with it.

uv knows nothing of conda. For each conda package that needs Python there is an empty wheel of its name and version,
marked `+conda`, and a constraint to just that one: what uv chooses fits it or cannot be chosen, and nothing that conda
brings is taken from PyPI again. Afterwards the stand-ins are left out of the lock.
"""

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

from hubfleet.agent.environments.conda import Chosen

_MARK = "+conda"
_VERSION = re.compile(r"\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?")
"""PyPI's own form of versions; what conda calls otherwise cannot be compared."""


def write(folder: Path, chosen: Sequence[Chosen]) -> str:
    """Write wheels, and return the constraints that name them.

    Args:
        folder: exists and is empty.
        chosen: by conda.
    """
    lines = []
    for package in (item.package for item in chosen if item.for_python):
        if _VERSION.fullmatch(package.version):
            name, version = re.sub(r"[-_.]+", "_", package.name), f"{package.version}{_MARK}"
            _wheel(folder, name, version)
            lines.append(f"{name}=={version}\n")
    return "".join(lines)


def left_out(compiled: str) -> str:
    """Return what uv chose without the stand-ins."""
    entries = re.split(r"\n(?=\S)", compiled)
    return "\n".join(entry for entry in entries if not re.match(rf"[^\s;]+{re.escape(_MARK)}(\s|$)", entry))


def _wheel(folder: Path, name: str, version: str) -> None:
    about = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
