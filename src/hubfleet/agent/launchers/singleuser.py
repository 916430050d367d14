"""The start program: the first thing that runs as the person inside the sandbox.

It is read as text and run by the base software's Python, so it uses the standard library only and knows nothing of
hubfleet. It waits for its instructions (JSON) on its standard input: if the agent dies before it sent them, the sandbox
ends by itself and nothing is left. Tokens come this way, so that they are in no argument and no file.

The server runs from the base software; kernels and terminals run from a Python of the person's own, on top of the
software that was asked for: the environment, or the base software too.
"""

import json
import os
import runpy
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import Any
from urllib.parse import quote

KERNEL_ADJUSTMENT = 500
"""How much earlier the kernel of Linux ends a notebook's kernel than its server (`oom_score_adj`)."""
SPARE = Path("/tmp")  # noqa: S108 - the server's own /tmp, which ends with it


def main() -> None:
    """Wait for the instructions, make the person's own Python, become the server."""
    raw = sys.stdin.buffer.read()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if not raw.endswith(b"\n"):
        sys.exit("the agent went away before this server was set up")
    told = json.loads(raw)
    variables = prepare(told)
    os.execve(told["command"][0], told["command"], variables)  # noqa: S606 - no shell is the point


def prepare(told: dict[str, Any]) -> dict[str, str]:
    """Make what the server finds in its home, and return its environment variables."""
    os.umask(told["umask"])
    home = Path(told["home"])
    os.chdir(home)
    variables = dict(told["variables"])
    if told["content"]:
        copies = runpy.run_path(str(Path(__file__).with_name("copies.py")))
        copy = copies["put"](home, told["content"])
        landing = copies["landing"](home, copy, told["content"])
        if told["content"]["page"] and landing:
            variables["JUPYTERHUB_DEFAULT_URL"] = f"{told['content']['page']}/{quote(landing)}"
        if told["content"]["start"]:
            variables["HUBFLEET_COPY"] = str(copy)
    if told["shared"]:
        _link(home / "shared", told["shared"])
    software = Path(told["software"])
    own = _own_python(home, software, told["environment"])
    variables["PATH"] = f"{own}/bin:{variables['PATH']}"
    # the environment's own has its kernels and parts of JupyterLab; the server finds the base software's by itself
    variables["JUPYTER_PATH"] = f"{own}/share/jupyter" + (f":{software}/share/jupyter" if told["environment"] else "")
    if (software / "conda-meta").is_dir():
        # by which some of conda's packages find their own files
        variables["CONDA_PREFIX"] = str(software)
    return variables


def _link(path: Path, target: str) -> None:
    """Link `shared` in the home to where shared folders are, unless the person has something else there."""
    try:
        if path.is_symlink():
            path.unlink()
        path.symlink_to(target)
    except OSError as error:
        print(f"no link to the shared folders: {error}", file=sys.stderr)  # noqa: T201 - the server's own log


def _own_python(home: Path, software: Path, environment: str) -> Path:
    """Make a Python in the home that sees the shared, read-only one and takes what the person installs; return it.

    A child environment rather than `pip install --user`: what is installed here comes before the shared packages, so
    that another version of one of them can be installed too, and nothing tries to remove the read-only one. Each
    environment has its own, so that what is installed for one does not show in another.

    Args:
        home: the person's.
        software: where the shared Python is: the environment, or the base software.
        environment: first digits of its digest; empty: it is the base software.
    """
    shared = _packages(software)
    version = shared.parent.name
    name = f"{version}-{environment}" if environment else version
    try:
        return _child(home / ".hubfleet" / name, software, shared, environment)
    except OSError as error:
        # never without one: what Jupyter falls back to is the server's own Python, which may be another one
        print(f"no Python of one's own in the home: {error}", file=sys.stderr)  # noqa: T201 - the server's own log
        return _child(SPARE / ".hubfleet" / name, software, shared, environment)


def _packages(software: Path) -> Path:
    """Return where the packages of a Python are, which has another version than this one where its builder chose so."""
    found = sorted(software.glob("lib/python3*/site-packages"))
    if not found:
        sys.exit(f"there is no Python in {software}")
    # conda adds a link `python3.1`, which comes first
    return found[-1]


def _child(own: Path, software: Path, shared: Path, environment: str) -> Path:
    version = shared.parent.name
    packages = own / "lib" / version / "site-packages"
    for folder in (own / "bin", packages):
        folder.mkdir(parents=True, exist_ok=True)
    python = (software / "bin" / "python").resolve()
    _replace(own / "pyvenv.cfg", f"home = {python.parent}\ninclude-system-site-packages = false\n")
    lines = [f"import site; site.addsitedir({str(shared)!r})"]
    if not (shared / "pip").exists():
        lines.append(str(_lent_pip(own)))
    _replace(packages / "_hubfleet.pth", "\n".join(lines) + "\n")
    for name in ("python", "python3", version):
        _point(own / "bin" / name, python)
    _replace(own / "bin" / "pip", '#!/bin/sh\nexec "$(dirname "$0")/python" -m pip "$@"\n', mode=0o755)
    if not environment:
        _kernel(own, software, "Python 3 (ipykernel)")
        return own
    _kernel(own, software, f"Python {version.removeprefix('python')} (environment)")
    for specification in sorted((software / "share" / "jupyter" / "kernels").glob("*/kernel.json")):
        _other_kernel(own, specification)
    return own


def _lent_pip(own: Path) -> Path:
    """Return a folder with the base software's pip and nothing else, for an environment that came without one."""
    folder = own / "share" / "pip"
    folder.mkdir(parents=True, exist_ok=True)
    _point(folder / "pip", Path(sysconfig.get_path("purelib")) / "pip")
    return folder


def _kernel(own: Path, software: Path, title: str) -> None:
    """Let `python3`, which JupyterLab starts by default, be the person's own Python."""
    raise_first = f'echo {KERNEL_ADJUSTMENT} > /proc/self/oom_score_adj; exec "$0" "$@"'
    command = ["/bin/sh", "-c", raise_first, str(own / "bin" / "python"), "-Xfrozen_modules=off"]
    kernel = {
        "argv": [*command, str(Path(__file__).with_name("kernel.py")), "-f", "{connection_file}"],
        "display_name": title,
        "language": "python",
        "metadata": {"debugger": True},
    }
    _specification(own, software / "share" / "jupyter" / "kernels" / "python3", kernel)


def _other_kernel(own: Path, specification: Path) -> None:
    """Let a further kernel of the environment run by the person's own Python, where it only says `python`.

    Jupyter would run it by the server's (`format_kernel_cmd` in jupyter_client's manager.py), which does not have it.
    """
    try:
        kernel = json.loads(specification.read_text())
        command = list(kernel["argv"])
        plain = command[0] in {"python", "python3"}
    except (ValueError, LookupError, TypeError):
        return
    if plain and specification.parent.name.lower() != "python3":
        kernel["argv"] = [str(own / "bin" / "python"), *command[1:]]
        _specification(own, specification.parent, kernel)


def _specification(own: Path, source: Path, kernel: dict[str, Any]) -> None:
    folder = own / "share" / "jupyter" / "kernels" / source.name
    folder.mkdir(parents=True, exist_ok=True)
    for path in source.glob("logo-*"):
        # copied, since Jupyter serves no link that leads out of the folder
        if not (folder / path.name).exists():
            shutil.copyfile(path, folder / path.name)
    _replace(folder / "kernel.json", json.dumps(kernel, indent=1))


def _point(link: Path, target: Path) -> None:
    if not link.is_symlink() or link.readlink() != target:
        link.unlink(missing_ok=True)
        link.symlink_to(target)


def _replace(path: Path, text: str, mode: int = 0o644) -> None:
    try:
        if path.read_text() == text:
            return
    except (OSError, ValueError):
        pass
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text)
    beside.chmod(mode)
    beside.replace(path)


if __name__ == "__main__":
    main()
