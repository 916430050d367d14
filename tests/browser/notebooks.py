"""A notebook that somebody else wrote, out of a package on PyPI."""

import tarfile
from pathlib import Path

from agents import SOFTWARE
from hubfleet._kit import process

PACKAGE, VERSION = "ipython", "8.12.3"
MEMBER = f"{PACKAGE}-{VERSION}/examples/IPython Kernel/Trapezoid Rule.ipynb"
"""By the IPython developers: numpy, scipy and matplotlib; prints two lines and draws one plot."""
CACHE = Path(__file__).parents[2] / ".cache" / "notebooks"


def trapezoid_rule() -> Path:
    """Return the notebook, fetched at first use below the project's cache folder by the base software's own pip."""
    path = CACHE / Path(MEMBER).name
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        python = next(SOFTWARE.glob("environments/*/bin/python"))
        download = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary=:all:"]
        process.run([str(python), *download, f"--dest={CACHE}", f"{PACKAGE}=={VERSION}"], timeout_s=300)
        with tarfile.open(CACHE / f"{PACKAGE}-{VERSION}.tar.gz") as archive:
            member = archive.extractfile(MEMBER)
            assert member is not None
            path.write_bytes(member.read())
    return path
