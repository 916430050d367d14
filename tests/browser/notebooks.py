"""A notebook that somebody else wrote, out of a package on PyPI."""

import json
import tarfile
from pathlib import Path

from agents import SOFTWARE
from hubfleet._kit import process

PACKAGE, VERSION = "ipython", "8.12.3"
MEMBER = f"{PACKAGE}-{VERSION}/examples/IPython Kernel/Trapezoid Rule.ipynb"
"""By the IPython developers: numpy, scipy and matplotlib; prints two lines and draws one plot."""
CACHE = Path(__file__).parents[2] / ".cache" / "notebooks"


def trapezoid_rule() -> Path:
    """Return the notebook without its outputs; fetched at first use, by the base software's own pip."""
    path = CACHE / Path(MEMBER).name
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        python = next(SOFTWARE.glob("environments/*/lib/python*/site-packages/pip")).parents[3] / "bin" / "python"
        download = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary=:all:"]
        process.run([str(python), *download, f"--dest={CACHE}", f"{PACKAGE}=={VERSION}"], timeout_s=300)
        with tarfile.open(CACHE / f"{PACKAGE}-{VERSION}.tar.gz") as archive:
            member = archive.extractfile(MEMBER)
            assert member is not None
            path.write_text(_without_outputs(member.read()))
    return path


def _without_outputs(notebook: bytes) -> str:
    """Take away what its authors saw, so that whatever a test sees was computed for it."""
    content = json.loads(notebook)
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    return json.dumps(content)
