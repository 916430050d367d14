"""Gives a home its copy of a repository's files: made once, later brought up to date, and never written over.

It is read as text and run by the start program (`singleuser`), as its person inside the sandbox, so it uses the
standard library only and knows nothing of hubfleet.
"""

import glob
import json
import os
import shutil
import subprocess  # noqa: TID251 - runs alone inside the sandbox, without hubfleet
import sys
from pathlib import Path

_COPY_OF = Path(".git") / "hubfleet-copy-of"
"""In a copy of a repository's files: which repository's and commit's it is."""
UPDATE_S, RECOVER_S = 60.0, 20.0
"""How long bringing a copy up to date may take, and putting right what was cut off then."""
NOTE = "hubfleet-not-updated.txt"
"""In a copy that could not be brought up to date: why."""


def put(home: Path, content: dict[str, str]) -> Path:
    """Give the home a copy of a repository's files, and return where it is.

    Without a folder's name the home, which is empty then, becomes the copy. Else a copy of the same commit is used as
    its person left it, and one of another commit is brought up to date where that is wanted (`copy_update`). Beside
    anything else there comes a folder with another name. A copy in a folder is complete or absent.
    """
    beside = home / ".hubfleet" / f"copy-{content['server']}"
    second = f"{content['folder']}-{content['commit'][:7]}"
    targets = [home / name for name in (content["folder"], second, *(f"{second}-{n}" for n in range(2, 1000)))]
    target = next((path for path in targets if _copied(path) == _told(content)), None)
    if target is None and content["folder"] and content["update"]:
        target = _updated(home, content)
    try:
        if target is None:
            shutil.rmtree(beside, ignore_errors=True)
            shutil.copytree(content["from"], beside, symlinks=True)
            (beside / _COPY_OF).write_text(_told(content))
            target = _place(beside, home, targets if content["folder"] else [])
    except (OSError, shutil.Error) as error:
        shutil.rmtree(beside, ignore_errors=True)
        sys.exit(f"the repository's files cannot be copied into the home: {error}")
    return target


def _updated(home: Path, content: dict[str, str]) -> Path | None:
    """Bring an earlier copy of the same repository up to date, and return it, also where it has to stay as it is.

    None: there is none, or it is newer.
    """
    names = (home / content["folder"], *sorted(home.glob(f"{glob.escape(content['folder'])}-*")))
    copy = next((path for path in names if _copied(path).startswith(f"{content['repository']}\n")), None)
    if copy is None:
        return None
    result, note = _update(copy, content, UPDATE_S, only_recover=False)
    if result == "slow":
        _update(copy, content, RECOVER_S, only_recover=True)
    if result == "older":
        return None
    _tell(copy, content, note)
    return copy


def _update(copy: Path, content: dict[str, str], limit_s: float, *, only_recover: bool) -> tuple[str, str]:
    asked = {**content, "copy": str(copy), "only_recover": only_recover}
    try:
        done = subprocess.run(
            [content["python"], "-I", str(Path(__file__).with_name("copy_update.py"))],
            input=json.dumps(asked),
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(copy.parent)},
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=True,
        )
        answer = json.loads(done.stdout)
        return str(answer["result"]), str(answer["note"])
    except subprocess.TimeoutExpired:
        return "slow", f"it took longer than {limit_s:g} s"
    except subprocess.CalledProcessError as error:
        return "trouble", (error.stderr.strip().splitlines() or [f"status {error.returncode}"])[-1]
    except (OSError, ValueError, LookupError, TypeError) as error:
        return "trouble", str(error)


def _tell(copy: Path, content: dict[str, str], note: str) -> None:
    """Say in the copy, and in the server's log, why it is not up to date; an empty note takes that away."""
    try:
        (copy / NOTE).unlink(missing_ok=True)
        if not note:
            return
        print(f"{copy} is not brought up to date: {note}", file=sys.stderr)  # noqa: T201 - the server's own log
        text = (
            f"This folder does not have the newer files of {content['repository']}\n(commit {content['commit']}).\n\n"
            f"Why: {note}\n\nNothing of yours was lost. Put that right and start the server again from the same link,\n"
            "or choose a new folder in the form then. This note goes by itself.\n"
        )
        (copy / NOTE).write_text(text)
    except OSError as error:
        print(f"no note in {copy}: {error}", file=sys.stderr)  # noqa: T201 - the server's own log


def landing(home: Path, copy: Path, content: dict[str, str]) -> str:
    """Return the path that the person shall see first; empty: the home."""
    seen = (copy / content["open"]).relative_to(home).as_posix()
    return "" if seen == "." else seen


def _place(copy: Path, home: Path, targets: list[Path]) -> Path:
    """Move a complete copy to the first place that is free, or its files into the home where no place is named."""
    if targets:
        return copy.rename(next(path for path in targets if not os.path.lexists(path)))
    for path in copy.iterdir():
        if not os.path.lexists(home / path.name):
            path.rename(home / path.name)
    shutil.rmtree(copy)
    return home


def _copied(path: Path) -> str:
    """Return what a folder is a copy of; empty: of nothing known."""
    try:
        return (path / _COPY_OF).read_text()
    except (OSError, ValueError):
        return ""


def _told(content: dict[str, str]) -> str:
    return f"{content['repository']}\n{content['commit']}\n"
