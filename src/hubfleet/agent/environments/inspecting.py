"""Runs inside the builder's sandbox, without a network: reads how a package is built, and takes the wheel that was.

It gets JSON on its standard input and writes one line of JSON, what was understood or why it is refused. It runs
nothing of a repository. Like `reading` it has hubfleet's own modules.
"""

import hashlib
import json
import os
import re
import stat
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hubfleet.errors import BuildError

LEGACY = {"requires": ["setuptools>=40.8.0", "wheel"], "backend": "setuptools.build_meta:__legacy__"}
"""What counts where a package says nothing of how it is built, as for pip."""
_METADATA_MAX = 4_000_000
_REQUIRES_MAX = 500
_WHEEL = re.compile(r"[A-Za-z0-9_.]+-[A-Za-z0-9_.+!]+(-\d[A-Za-z0-9_.]*)?(-[A-Za-z0-9_.]+){3}\.whl", re.ASCII)


def main() -> None:
    """Do what standard input asks for."""
    told = json.load(sys.stdin)
    sys.path[:0] = told["paths"]
    from hubfleet.errors import BuildError

    try:
        answer = {"recipe": recipe, "asked": asked, "wheel": wheel}[told["do"]](told)
    except BuildError as error:
        answer = {"refused": {"message": error.message, "hint": error.hint}}
    print(json.dumps(answer))  # noqa: T201 - read by the agent


def recipe(told: dict[str, Any]) -> dict[str, object]:
    """Return how a package is built: what its backend needs and is, and which version it says it has."""
    from hubfleet.agent.environments import python_project, tables

    tree, folder = Path(told["tree"]), told["folder"]
    here = tree / folder
    if not here.is_dir() or not here.resolve().is_relative_to(tree.resolve()):
        raise _refused(f"{told['where']}: there is no folder {folder!r} in the repository", "check its spelling")
    project, setup = Path(folder, python_project.NAME), Path(folder, "setup.py")
    text = _text(tree, project)
    if text is None and _text(tree, setup) is None:
        raise _refused(
            f"{told['where']}: there is neither a pyproject.toml nor a setup.py in {folder or 'the root'!r}",
            "add one, or remove what asks for it",
        )
    if text is None:
        return {"file": str(setup), **LEGACY, "backend_path": [], "version": _version(tree, folder)}
    path = str(project)
    # uv compares Python's version with that of the wheel
    said = python_project.parse(text, path, "")
    python_project.check_sources(text, path, said.requirements)
    system = tables.table(tables.toml(text, path).get("build-system"), path, "build-system")
    lines = [tables.text(item, path, "requires") for item in tables.items(system.get("requires"), path, "requires")]
    paths = [tables.text(item, path, "x") for item in tables.items(system.get("backend-path"), path, "backend-path")]
    if not all((here / item).resolve().is_relative_to(tree.resolve()) for item in paths):
        raise _refused(f"{path}: backend-path leads out of the repository", "name folders of the repository")
    return {
        "file": path,
        "requires": _checked(path, lines) if system else LEGACY["requires"],
        "backend": tables.text(system.get("build-backend"), path, "build-backend") or LEGACY["backend"],
        "backend_path": paths,
        "version": _version(tree, folder),
    }


def asked(told: dict[str, Any]) -> dict[str, object]:
    """Return what a backend asked for besides."""
    try:
        said = json.loads(_read(Path(told["from"])))
    except (OSError, ValueError, RecursionError):
        said = None
    if not isinstance(said, list) or not all(isinstance(line, str) for line in said):
        raise _refused(f"{told['file']}: its build backend does not say what it needs", "build it on your machine once")
    return {"requires": _checked(told["file"], said)}


def wheel(told: dict[str, Any]) -> dict[str, object]:
    """Take the one wheel that a build has left, as a new file in another folder."""
    made = sorted(Path(told["from"]).glob("*.whl"))
    if len(made) != 1 or not _WHEEL.fullmatch(made[0].name):
        raise _refused(f"{told['file']} was built and left {len(made)} wheels", "it has to make one, of a plain name")
    target = Path(told["to"], made[0].name)
    try:
        with _opened(made[0]) as source, target.open("xb") as copy:
            if os.fstat(source.fileno()).st_size > told["max_bytes"]:
                raise _refused(f"{told['file']}: the wheel is too large", "let it have less")
            while piece := source.read(1 << 20):
                copy.write(piece)
        name, version = _metadata(target, told)
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise _refused(f"{told['file']} was built, and the wheel cannot be read", str(error)[:300]) from error
    target.chmod(0o644)
    with target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"wheel": target.name, "sha256": digest, "name": name, "version": version}


def _metadata(path: Path, told: dict[str, Any]) -> tuple[str, str]:
    with zipfile.ZipFile(path) as whole:
        entries = whole.infolist()
        if len(entries) > told["max_entries"] or sum(entry.file_size for entry in entries) > told["max_bytes"]:
            raise _refused(f"{told['file']}: the wheel holds too much", "let it have less")
        if any(entry.filename.startswith("/") or ".." in entry.filename.split("/") for entry in entries):
            raise _refused(f"{told['file']}: the wheel has files that lead out of it", "build it with another backend")
        found = [entry for entry in entries if re.fullmatch(r"[^/]+\.dist-info/METADATA", entry.filename)]
        if len(found) != 1 or found[0].file_size > _METADATA_MAX:
            raise ValueError("it has no METADATA")
        headers = HeaderParser().parsestr(whole.read(found[0]).decode())
    _checked(told["file"], [str(line) for line in headers.get_all("Requires-Dist", [])])
    return str(headers["Name"]), str(headers["Version"])


def _checked(path: str, lines: list[str]) -> list[str]:
    """Return requirements of the package index, on one line each."""
    from packaging.requirements import InvalidRequirement, Requirement

    if len(lines) > _REQUIRES_MAX:
        raise _refused(f"{path} depends on more than {_REQUIRES_MAX} packages", "name those that are used")
    for line in lines:
        try:
            address = Requirement(line).url
        except InvalidRequirement as error:
            raise _refused(f"{path}: {line[:80]!r} is no requirement", "such as 'numpy>=2'") from error
        if address:
            raise _refused(
                f"{path}: {line[:80]!r} comes from an address, and cannot be installed yet",
                "name a version from the package index instead",
            )
    return [str(Requirement(line)) for line in lines]


def _version(tree: Path, folder: str) -> str:
    """Return the version in a PKG-INFO, which source distributions have; empty: there is none."""
    text = _text(tree, Path(folder, "PKG-INFO")) or ""
    found = re.search(r"^Version: ([A-Za-z0-9.+!]{1,100})$", text, re.MULTILINE)
    return found[1] if found else ""


def _text(tree: Path, path: Path) -> str | None:
    """Return the text of a file that is the repository's own; None: there is no such file."""
    try:
        whole = (tree / path).resolve()
        return _read(whole) if whole.is_relative_to(tree.resolve()) else None
    except (OSError, RuntimeError):
        # links that lead round in a ring
        return None


def _read(path: Path) -> str:
    with _opened(path) as file:
        return file.read(_METADATA_MAX).decode(errors="replace")


def _opened(path: Path) -> IO[bytes]:
    """Open a file that is one, and no link, pipe or device."""
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError("it is no plain file")
    return os.fdopen(file, "rb")


def _refused(message: str, hint: str) -> "BuildError":
    from hubfleet.errors import BuildError

    return BuildError(message, hint=hint)


if __name__ == "__main__":
    main()
