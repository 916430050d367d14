"""The start program: the first thing that runs as the person inside the sandbox.

It is read as text and run by the environment's own Python, so it uses the standard library only and knows nothing of
hubfleet. It waits for its instructions (JSON) on a file descriptor: if the agent dies before it sent them, the sandbox
ends by itself and nothing is left. Tokens come this way, so that they are in no argument and no file.
"""

import json
import os
import shutil
import sys
from pathlib import Path

KERNEL_ADJUSTMENT = 500
"""How much earlier the kernel of Linux ends a notebook's kernel than its server (`oom_score_adj`)."""


def main() -> None:
    """Wait for the instructions, make the person's own Python, become the server."""
    with os.fdopen(int(sys.argv[1]), "rb") as pipe:
        raw = pipe.read()
    if not raw.endswith(b"\n"):
        sys.exit("the agent went away before this server was set up")
    told = json.loads(raw)
    os.umask(told["umask"])
    home = Path(told["home"])
    os.chdir(home)
    environment = dict(told["environment"])
    if told["shared"]:
        _link(home / "shared", told["shared"])
    own = _own_python(home, Path(told["prefix"]))
    if own:
        environment["PATH"] = f"{own}/bin:{environment['PATH']}"
        environment["JUPYTER_PATH"] = f"{own}/share/jupyter"
    os.execve(told["command"][0], told["command"], environment)  # noqa: S606 - no shell is the point


def _link(path: Path, target: str) -> None:
    """Link `shared` in the home to where shared folders are, unless the person has something else there."""
    try:
        if path.is_symlink():
            path.unlink()
        path.symlink_to(target)
    except OSError as error:
        print(f"no link to the shared folders: {error}", file=sys.stderr)  # noqa: T201 - the server's own log


def _own_python(home: Path, prefix: Path) -> Path | None:
    """Make a Python in the home that sees the shared, read-only one and takes what the person installs.

    A child environment rather than `pip install --user`: what is installed here comes before the shared packages, so
    that another version of one of them can be installed too, and nothing tries to remove the read-only one.
    """
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    own = home / ".hubfleet" / version
    packages = own / "lib" / version / "site-packages"
    shared = prefix / "lib" / version / "site-packages"
    specification = own / "share" / "jupyter" / "kernels" / "python3"
    try:
        for folder in (own / "bin", packages, specification):
            folder.mkdir(parents=True, exist_ok=True)
        _replace(own / "pyvenv.cfg", f"home = {Path(sys.base_prefix) / 'bin'}\ninclude-system-site-packages = false\n")
        _replace(packages / "_hubfleet.pth", f"import site; site.addsitedir({str(shared)!r})\n")
        for name in ("python", "python3", version):
            _point(own / "bin" / name, (prefix / "bin" / "python").resolve())
        _replace(own / "bin" / "pip", '#!/bin/sh\nexec "$(dirname "$0")/python" -m pip "$@"\n', mode=0o755)
        raise_first = f'echo {KERNEL_ADJUSTMENT} > /proc/self/oom_score_adj; exec "$0" "$@"'
        command = ["/bin/sh", "-c", raise_first, str(own / "bin" / "python"), "-Xfrozen_modules=off"]
        kernel = {
            "argv": [*command, str(Path(__file__).with_name("kernel.py")), "-f", "{connection_file}"],
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
            "metadata": {"debugger": True},
        }
        _replace(specification / "kernel.json", json.dumps(kernel, indent=1))
        for logo in (prefix / "share" / "jupyter" / "kernels" / "python3").glob("logo-*"):
            # copied, since Jupyter serves no link that leads out of the folder
            if not (specification / logo.name).exists():
                shutil.copyfile(logo, specification / logo.name)
    except OSError as error:
        print(f"no Python of one's own in the home: {error}", file=sys.stderr)  # noqa: T201 - the server's own log
        return None
    return own


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
