"""A small conda channel on loopback: a real CPython 3.13 with its own shared library, a kernel, and odd packages.

No channel is reachable where these tests run. Python is the relocatable build that JavaCPP publishes on Maven Central,
which finds its library beside itself as conda's own does; the kernel's packages are PyPI's wheels. All are packed as
conda packages and indexed by rattler.
"""

import asyncio
import bz2
import hashlib
import io
import json
import shutil
import tarfile
import tempfile
import threading
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from csv import reader
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import uv
from rattler.index import index_fs

from agents import SOFTWARE
from hubfleet._kit import process

PYTHON = "3.13.5"
PLACEHOLDER = "/placeholder" * 20
_JAR = "https://repo1.maven.org/maven2/org/bytedeco/cpython/3.13.5-1.5.12/cpython-3.13.5-1.5.12-linux-x86_64.jar"
_INSIDE = "org/bytedeco/cpython/linux-x86_64/"
_LEFT_OUT = ("lib/python3.13/test/", "lib/python3.13/idlelib/", "lib/python3.13/site-packages/", "include/", "share/")
_KEPT = SOFTWARE.parent / "conda-channel-1"
"""Python and kernel as packages, made once for all tests."""
_MADE = datetime(2024, 1, 1, tzinfo=UTC)


def package(
    folder: Path,
    name: str,
    version: str,
    files: Mapping[str, bytes | str],
    *,
    depends: Sequence[str] = (),
    links: Mapping[str, str] | None = None,
    noarch: bool = True,
    at: datetime = _MADE,
) -> Path:
    """Pack a conda package into a channel's folder; text that has `PLACEHOLDER` names the prefix once installed."""
    subdir, build = ("noarch", "py_0") if noarch else ("linux-64", "h1_0")
    index = {"name": name, "version": version, "build": build, "build_number": 0, "depends": list(depends)}
    index |= {"subdir": subdir, "timestamp": int(at.timestamp() * 1000)} | ({"noarch": "python"} if noarch else {})
    raw = {path: content.encode() if isinstance(content, str) else content for path, content in files.items()}
    paths = [_described(path, content) for path, content in raw.items()]
    paths += [{"_path": path, "path_type": "softlink"} for path in links or {}]
    target = folder / subdir / f"{name}-{version}-{build}.tar.bz2"
    target.parent.mkdir(parents=True, exist_ok=True)
    with bz2.open(target, "wb", compresslevel=1) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        _add(archive, "info/index.json", json.dumps(index).encode())
        _add(archive, "info/paths.json", json.dumps({"paths": paths, "paths_version": 1}).encode())
        if noarch:
            _add(archive, "info/link.json", b'{"noarch": {"type": "python"}, "package_metadata_version": 1}')
        for path, content in raw.items():
            _add(archive, path, content)
        for path, aim in (links or {}).items():
            found = tarfile.TarInfo(path)
            found.type, found.linkname = tarfile.SYMTYPE, aim
            archive.addfile(found)
    return target


def index(folder: Path) -> None:
    """Let a channel's folder say what is in it; each package by its own date."""
    asyncio.run(index_fs(folder, force=True, write_zst=False, write_shards=False))
    for listed in folder.glob("*/repodata.json"):
        told = json.loads(listed.read_text())
        for entry in (*told["packages"].values(), *told["packages.conda"].values()):
            entry.pop("indexed_timestamp", None)
        listed.write_text(json.dumps(told))


def with_python(folder: Path) -> None:
    """Put Python and a kernel into a channel's folder."""
    if not _KEPT.exists():
        # another worker may make it at the same time
        _KEPT.parent.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(dir=_KEPT.parent, prefix=f"{_KEPT.name}-"))
        _pack_python(making)
        _pack_kernel(making)
        if _KEPT.exists():
            shutil.rmtree(making)
        else:
            making.rename(_KEPT)
    for kept in _KEPT.glob("*/*.tar.bz2"):
        (folder / kept.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(kept, folder / kept.parent.name)


@contextmanager
def served(folder: Path, port: int = 0) -> Iterator[str]:
    """Serve a folder on loopback, on a free port (0) or on one that is known; yields its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", port), partial(Quiet, directory=str(folder)))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def _pack_python(folder: Path) -> None:
    with urllib.request.urlopen(_JAR, timeout=120) as answer:
        jar = zipfile.ZipFile(io.BytesIO(answer.read()))
    files = {}
    for name in jar.namelist():
        path = name.removeprefix(_INSIDE)
        if name.startswith(_INSIDE) and not name.endswith("/") and not path.startswith(_LEFT_OUT):
            files["lib/" + path if path.startswith("libpython") else path] = jar.read(name)
    files = {path: raw for path, raw in files.items() if path.startswith("lib/") or path == "bin/python3.13"}
    links = {"bin/python": "python3.13", "bin/python3": "python3.13"}
    package(folder, "python", PYTHON, files, links=links, noarch=False)


def _pack_kernel(folder: Path) -> None:
    unpacked = folder / "unpacked"
    process.run(
        [
            *(uv.find_uv_bin(), "pip", "install", "--quiet", "--no-config", "--only-binary", ":all:"),
            *("--python-version", PYTHON, "--exclude-newer", "2026-01-01", "--target", str(unpacked), "ipykernel"),
        ],
        timeout_s=300,
    )
    names = []
    for record in unpacked.glob("*.dist-info/RECORD"):
        name, _, version = record.parent.name.removesuffix(".dist-info").rpartition("-")
        listed = [row[0] for row in reader(record.read_text().splitlines())]
        inside = [path for path in listed if (unpacked / path).is_file() and not path.startswith(("bin/", ".."))]
        pure = "Root-Is-Purelib: true" in (record.parent / "WHEEL").read_text()
        packages = "site-packages" if pure else "lib/python3.13/site-packages"
        files = {f"{'' if path.startswith('share/') else packages + '/'}{path}": unpacked / path for path in inside}
        names.append(name.lower().replace("_", "-"))
        depends = ["python"] if name != "ipykernel" else []
        if name != "ipykernel":
            package(folder, names[-1], version, _read(files), depends=depends, noarch=pure)
        else:
            kernel = (version, _read(files))
    others = [name for name in names if name != "ipykernel"]
    package(folder, "ipykernel", kernel[0], kernel[1], depends=["python", *others])
    shutil.rmtree(unpacked)


def _read(files: Mapping[str, Path]) -> dict[str, bytes]:
    return {path: source.read_bytes() for path, source in files.items()}


def _described(path: str, content: bytes) -> dict[str, object]:
    found: dict[str, object] = {"_path": path, "path_type": "hardlink", "size_in_bytes": len(content)}
    found["sha256"] = hashlib.sha256(content).hexdigest()
    if PLACEHOLDER.encode() in content:
        found |= {"prefix_placeholder": PLACEHOLDER, "file_mode": "text"}
    return found


def _add(archive: tarfile.TarFile, path: str, content: bytes) -> None:
    found = tarfile.TarInfo(path)
    found.size, found.mode = len(content), 0o755 if path.startswith("bin/") else 0o644
    archive.addfile(found, io.BytesIO(content))
