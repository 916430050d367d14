"""Write the table by which conda packages of an environment.yml are taken from PyPI, out of published tables.

    pip download --no-deps --dest FOLDER conda-pypi==0.13.1 grayskull==3.2.0 whl2conda==26.7.2 depfinder==2.10.0
    apt-get download dh-python && dpkg -x dh-python*.deb FOLDER
    python scripts/conda_names.py FOLDER

Three of the tables are made by conda-forge's bots and kept by those who write tools for conda; grayskull's is kept by
hand. They name what differs and some of what is the same. That a package which none of them names has the same name at
PyPI is believed only where Debian knows a Python distribution of that name: anybody may register a free name at PyPI.
Each source and its licence stands in THIRD-PARTY.md.
"""

import json
import re
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ruamel.yaml import YAML

Pairs = Iterable[tuple[str, str]]
"""Names at conda-forge and at PyPI."""
TARGET = Path("src/hubfleet/agent/environments/conda_names.txt")
DEBIAN = "usr/share/dh-python/dist/cpython3_fallback"
CHOSEN = {
    "opencv": "opencv-python-headless",
    "py-opencv": "opencv-python-headless",
    "psycopg2": "psycopg2-binary",
    "pyqt": "pyqt5",
    "cyipopt": "cyipopt",
}
"""One of several distributions: that of which there are wheels, and which runs where there is no screen."""
_AS_THERE = (
    *("coveralls", "cvxpy", "dask-labextension", "h5py", "jaxlib", "pandas-stubs", "parcels", "py-rattler", "pyarrow"),
    *("tensorflow", "typing-extensions", "xrft"),
)
BY_HAND = {
    **{name: name for name in _AS_THERE},
    "brotli-python": "brotli",
    "dask": "dask[complete]",
    "importlib_metadata": "importlib-metadata",
    "iris": "scitools-iris",
    "ruamel_yaml": "ruamel-yaml",
}
"""Names that no table has, or otherwise: these projects' own pages on how to install them name both."""
NOT_THE_SAME = frozenset(
    (
        *("antlr", "brotli", "geoip", "graphite2", "keyutils", "lensfun", "lerc", "quantlib", "rocksdb", "rrdtool"),
        *("unicorn", "whois"),
    )
)
"""Conda packages in C of which PyPI has a binding under the same name."""
_PACKAGES = {"conda_pypi": "MIT", "grayskull": "Apache-2.0", "whl2conda": "Apache-2.0", "depfinder": "BSD-3-Clause"}
_PARTS = re.compile(r"(?:-base|-core)$")
_NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]*")
_HASH = re.compile(r"[0-9a-f]{32,}")


def canonical(name: str) -> str:
    """Return a name as PyPI compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def table(sources: Iterable[Pairs], debian: Iterable[str]) -> dict[str, str]:
    """Return PyPI's names by conda's.

    Args:
        sources: what tables say, the one to be believed most first.
        debian: names of Python distributions that Debian knows.
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for source in sources:
        fresh: dict[str, set[str]] = {}
        for conda, pypi in source:
            name = canonical(pypi)
            if conda.lower() not in found and not _HASH.search(name):
                fresh.setdefault(conda.lower(), set()).add(name)
        # a newer table knows of another conda package that is this distribution
        kept = {conda: CHOSEN.get(conda, min(names)) for conda, names in fresh.items() if not names & taken}
        found |= kept
        taken |= {name for conda in kept for name in fresh[conda]}
    found |= {name: name for name in map(_whole, found) if name not in found and canonical(name) in taken}
    known = {canonical(name) for name in debian} - taken - NOT_THE_SAME
    found |= {name: name for name in known if name not in found and not name.startswith("lib")}
    found |= BY_HAND | CHOSEN
    # as conda-forge has written some names both ways, and people do
    spelled = {canonical(conda): pypi for conda, pypi in found.items() if canonical(conda) not in found}
    found |= {conda: pypi for conda, pypi in spelled.items() if canonical(pypi) == conda}
    return {conda: pypi for conda, pypi in found.items() if _NAME.fullmatch(conda) and pypi[0].isalnum()}


def text(names: Mapping[str, str], about: Iterable[str]) -> str:
    """Return the file's content: one package a line, and PyPI's name after it where it is another."""
    head = "".join(f"# {line}\n" for line in about)
    rows = (conda if conda == pypi else f"{conda} {pypi}" for conda, pypi in sorted(names.items()))
    return head + "".join(f"{row}\n" for row in rows)


def _whole(name: str) -> str:
    """Return what conda-forge calls the whole of which `dask-core` or `seaborn-base` is the part with the code."""
    return _PARTS.sub("", name)


def _bots(raw: bytes) -> Iterator[tuple[str, str]]:
    for entry in json.loads(raw).values():
        yield entry["conda_name"], entry["pypi_name"]


def _by_hand(raw: bytes) -> Iterator[tuple[str, str]]:
    for pypi, entry in YAML(typ="safe").load(raw).items():
        if "conda_forge" in entry:
            yield entry["conda_forge"], pypi


def _renamed(raw: bytes) -> Iterator[tuple[str, str]]:
    for pypi, conda in json.loads(raw).items():
        if not pypi.startswith("$"):
            yield conda, pypi


def _older(raw: bytes) -> Iterator[tuple[str, str]]:
    for entry in YAML(typ="safe").load(raw):
        yield entry["conda_name"], entry["pypi_name"]


def _inside(folder: Path, package: str, path: str) -> tuple[bytes, str]:
    """Return one file of a downloaded package, and the package's version."""
    archive = next(folder.glob(f"{package}-*"))
    version = archive.name.split("-")[1].removesuffix(".tar.gz")
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(f"{package}/{path}"), version
    with tarfile.open(archive) as packed:
        member = packed.extractfile(f"{package}-{version}/{package}/{path}")
        assert member is not None
        return member.read(), version


def main(folder: Path, target: Path) -> None:
    """Write the table."""
    readers = {
        "grayskull": ("strategy/config.yaml", _by_hand),
        "conda_pypi": ("grayskull_pypi_mapping.json", _bots),
        "whl2conda": ("api/stdrename.json", _renamed),
        "depfinder": ("pkg_data/name_mapping.yml", _older),
    }
    sources, about = [], ["Conda packages and what PyPI calls them. Written by scripts/conda_names.py from:"]
    for package, (path, read) in readers.items():
        raw, version = _inside(folder, package, path)
        sources.append(list(read(raw)))
        about.append(f"{package.replace('_', '-')} {version} ({_PACKAGES[package]}): {path}")
    listed = (folder / DEBIAN).read_text().splitlines()
    about += ["dh-python 5.20230130 (MIT): dist/cpython3_fallback", "Their notices are in THIRD-PARTY.md."]
    debian = [line.split()[0] for line in listed if line.strip() and not line.startswith("#")]
    target.write_text(text(table(sources, debian), about))


if __name__ == "__main__":
    main(Path(sys.argv[1]), TARGET)
