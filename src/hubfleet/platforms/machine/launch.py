"""How a program becomes a process of this machine: its files, its folders' owners, its environment and its user."""

import json
import os
import re
import shutil
import sys
from base64 import b64decode
from pathlib import Path

from hubfleet._kit.files import write_if_changed
from hubfleet.errors import PlatformError
from hubfleet.model.program import Program, ProgramFile
from hubfleet.platforms.machine import secrets
from hubfleet.platforms.machine.accounts import Accounts
from hubfleet.platforms.machine.keeper import Launch
from hubfleet.platforms.machine.places import Places
from hubfleet.platforms.machine.reach import as_user, first_closed, reachable
from hubfleet.platforms.machine.units import Setting
from hubfleet.protocol.signing import CallerKey

FILLED = re.compile(r"@\{(public-key|group) ([a-z0-9-]+)\}")

MARK = "HUBFLEET_PROGRAM"
"""The variable by which a supervisor knows a process as its own."""


def prepare(program: Program, places: Places, accounts: Accounts) -> None:
    """Write a program's files and give it the folders it may write."""
    folder = places.programs / program.name
    owner = accounts.of(program.user)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _give(folder, owner, 0o750, top=True)
        for file in program.files:
            path = folder / file.path
            write_if_changed(path, _content(file, places, accounts), mode=file.mode)
            if owner is not None:
                os.chown(path, 0, owner[1])
        for name in program.reads:
            _make(places.data / name, places.data)
            _let_read(places.data / name, owner)
        for name in program.writes:
            target = places.data / name
            _make(target, places.data)
            # a program that is root itself has folders below for others, who must get there
            _give(target, owner, 0o711 if os.geteuid() == 0 and owner is None else 0o700, top=False)
    except OSError as error:
        raise PlatformError(
            f"cannot write {error.filename or folder}: {error.strerror}",
            hint="free some space or mend the permissions, then apply again: nothing has been changed half",
        ) from error


def _content(file: ProgramFile, places: Places, accounts: Accounts) -> str | bytes:
    return b64decode(file.content) if file.encoding == "base64" else fill(file.content, places, accounts)


def fill(text: str, places: Places, accounts: Accounts) -> str:
    """Put in what only this machine knows: callers' public keys and the numbers of groups."""

    def known(match: re.Match[str]) -> str:
        if match[1] == "group":
            owner = accounts.of(match[2])
            return str(owner[1]) if owner else ""
        jwk = secrets.read(places, f"{secrets.folder_of_caller(match[2])}/agent-key")
        return json.dumps(CallerKey(match[2], jwk).public())[1:-1]

    return FILLED.sub(known, text)


def launch_of(program: Program, places: Places, accounts: Accounts) -> Launch:
    """Return how to start a program here."""
    folder = places.programs / program.name
    owner, groups = accounts.of(program.user), _groups(program, accounts)
    command = tuple(program.command)
    if owner is not None:
        command = reachable(
            command, owner, groups, low_ports=program.low_ports, software=software_folders(), data=places.data
        )
    log = places.logs / f"{program.name}.log"
    return Launch(command, _environment(program, places), folder, log)


def setting_of(program: Program, places: Places, accounts: Accounts, *, fleet: str) -> Setting:
    """Return what a unit of systemd needs besides its program."""
    owner = accounts.of(program.user)
    software = software_folders()
    ways = sorted({folder for path in (*software, places.data) if (folder := first_closed(path)) is not None})
    return Setting(
        fleet=fleet,
        data=places.data,
        drop=as_user(owner, _groups(program, accounts), low_ports=program.low_ports) if owner else (),
        environment=_environment(program, places),
        python=sys.executable,
        software=software,
        closed=tuple(ways) if owner else (),
    )


def _groups(program: Program, accounts: Accounts) -> tuple[int, ...]:
    return tuple(given[1] for name in program.groups if (given := accounts.of(name)))


def _environment(program: Program, places: Places) -> dict[str, str]:
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(places.programs / program.name),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        MARK: str(places.data / program.name),
        **_proxies(),
        **program.environment,
    }


def software_folders() -> tuple[Path, ...]:
    """Return the folders that our Python and its packages lie in."""
    source = Path(__file__).parents[3]
    found = {Path(sys.prefix), Path(sys.base_prefix), source, Path(sys.executable).resolve().parent}
    return tuple(sorted(found))


def _give(folder: Path, owner: tuple[int, int] | None, mode: int, *, top: bool) -> None:
    folder.chmod(mode)
    if owner is None:
        return
    shutil.chown(folder, 0 if top else owner[0], owner[1])
    if not top:
        for root, folders, files in os.walk(folder):
            for name in (*folders, *files):
                os.lchown(Path(root) / name, *owner)


def _make(target: Path, data: Path) -> None:
    """Make a folder and those above it, through which others must get to theirs."""
    for folder in reversed([target, *(item for item in target.parents if item.is_relative_to(data) and item != data)]):
        if not folder.exists():
            folder.mkdir()
            folder.chmod(0o711)


def _let_read(folder: Path, owner: tuple[int, int] | None) -> None:
    folder.chmod(0o750 if owner else 0o700)
    if owner is None:
        return
    os.chown(folder, 0, owner[1])
    for file in folder.iterdir():
        os.chown(file, 0, owner[1])
        file.chmod(0o640)


def _proxies() -> dict[str, str]:
    """Keep what the operator set for the way outside: proxies and certificate authorities."""
    kept = ("http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
    return {name: value for key in kept for name in (key, key.upper()) if (value := os.environ.get(name))}
