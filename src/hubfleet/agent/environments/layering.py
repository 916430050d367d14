"""Runs inside the builder's sandbox, before and after Debian packages are installed: prepares folders, takes data.

A program of its own, on the standard library alone; it runs nothing of a package. `prepare` makes what dpkg then finds:
folders for all that it may write. `take` has what it left: of /usr what is new, of /etc and /var whole entries that
changed, as folders, files and links with plain rights. Devices, marks of what was deleted, and accounts stay behind.
"""

import json
import os
import shutil
import stat
import subprocess  # noqa: TID251 - runs alone inside the sandbox
import sys
import tarfile
from pathlib import Path
from typing import Any, NoReturn

ETC = (
    *("ImageMagick-6", "R", "X11", "adduser.conf", "alternatives", "bash_completion.d", "ca-certificates"),
    *("ca-certificates.conf", "debconf.conf", "debian_version", "dpkg", "emacs", "environment.d", "fonts", "gtk-3.0"),
    *("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "login.defs", "mime.types", "os-release", "perl", "profile.d"),
    *("python3", "python3.11", "sgml", "ssl/openssl.cnf", "terminfo", "texmf", "xdg", "xml"),
)
"""What scripts of packages see of the machine's /etc: nothing of its own set-up."""
NOT_KEPT = {
    "etc": {
        *("passwd", "passwd-", "group", "group-", "shadow", "shadow-", "gshadow", "gshadow-", "subuid", "subgid"),
        *("hosts", "hostname", "resolv.conf", "nsswitch.conf", "jupyter", "sudoers", "sudoers.d", "pam.d", "apt"),
        *("init.d", "systemd", "cron.d", "cron.daily", "cron.weekly", "cron.monthly", "default", "logrotate.d"),
        *("adduser.conf", "debconf.conf", "dpkg", "login.defs", "ssh", "ld.so.preload"),
    },
    "var/lib": {"dpkg", "apt", "systemd", "ucf"},
    "var/cache": {"debconf", "ldconfig", "man", "apt"},
}
"""What servers see none of: accounts, what is for services of a machine, and what every program would load."""
NO_PART = (
    *("adduser", "addgroup", "useradd", "groupadd", "usermod", "deluser", "delgroup", "userdel", "groupdel"),
    *("chown", "chgrp", "setcap", "dpkg-statoverride", "start-stop-daemon", "invoke-rc.d", "update-rc.d", "service"),
    *("systemctl", "deb-systemd-helper", "deb-systemd-invoke", "systemd-sysusers", "systemd-tmpfiles", "runuser"),
)
"""Programs that do nothing here: in a server there are no accounts but its person's, and no services."""
_AS_THEY_ARE = {"/usr/local", "/usr/share/doc", "/usr/share/man"}
"""Folders below which packages have nothing, or nothing that is installed here."""
DEPTH_MAX = 64


def prepare(told: dict[str, Any]) -> None:
    """Make all folders that dpkg may write, and what it reads of the system."""
    working = Path(told["working"])
    for folder, below, _ in os.walk("/usr"):
        (working / folder.lstrip("/")).mkdir(exist_ok=True)
        if folder in _AS_THEY_ARE:
            below.clear()
    for deb in told["debs"]:
        _own_what_it_replaces(Path(deb), working)
    for name in ETC:
        source, target = Path("/etc", name), working / "etc" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, ignore_dangling_symlinks=True)
        elif source.exists():
            shutil.copy2(source, target, follow_symlinks=False)
    left_out = shutil.ignore_patterns("lock*", "Lock", "*.md5sums")
    shutil.copytree("/var/lib/dpkg", working / "var/lib/dpkg", ignore=left_out)
    for name in ("log", "cache/debconf", "cache/ldconfig", "lib/systemd", "lib/ucf", "tmp", "spool", "run"):
        (working / "var" / name).mkdir(parents=True, exist_ok=True)
    for name in ("passwd", "group", "hosts", "nsswitch.conf"):
        (working / "etc" / name).touch()
    for name in NO_PART:
        stub = working / "stubs" / name
        stub.write_text("#!/bin/sh\nexit 0\n")
        stub.chmod(0o755)
    before = {part: {entry.name: _signature(entry) for entry in _entries(working / part)} for part in NOT_KEPT}
    (working / "result" / "before.json").write_text(json.dumps(before))


def _own_what_it_replaces(deb: Path, working: Path) -> None:
    """Copy files of the system that a package replaces: nobody but their owner may make the links that dpkg makes."""
    unpack = ["dpkg-deb", "--fsys-tarfile", str(deb)]
    with (
        subprocess.Popen(unpack, stdout=subprocess.PIPE) as unpacking,
        tarfile.open(fileobj=unpacking.stdout, mode="r|") as archive,
    ):
        names = [entry.name.removeprefix("./") for entry in archive if not entry.isdir()]
    for name in names:
        path = name if name.startswith("usr/") else f"usr/{name}"
        if name.startswith(("usr/", "lib", "bin/", "sbin/")) and ".." not in path.split("/"):
            source, target = Path("/", path), working / path
            if source.is_file() and not source.is_symlink() and target.parent.is_dir() and not target.exists():
                shutil.copy2(source, target)


class Taking:
    """What is taken so far, within its limits."""

    def __init__(self, max_bytes: int, max_entries: int) -> None:
        """Begin with nothing."""
        self._bytes = max_bytes
        self._entries = max_entries

    def usr(self, source: Path, target: Path) -> None:
        """Take what is new in a private /usr, without folders that the system has and that nothing was put into."""
        self._tree(source, target, lambda folder: not Path("/usr", folder).is_dir())

    def whole(self, source: Path, target: Path) -> None:
        """Take a file or a whole folder; a link on top is none, as it would be followed outside."""
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        if source.is_symlink():
            return
        if source.is_dir():
            self._tree(source, target, lambda _: True)
        else:
            self._one(source, target, depth=DEPTH_MAX)

    def _tree(self, source: Path, target: Path, kept_empty: Any) -> None:
        waiting = [Path()]
        while waiting:
            folder = waiting.pop()
            if len(folder.parts) > DEPTH_MAX:
                fail(f"folders more than {DEPTH_MAX} deep")
            self._count(0)
            (source / folder).chmod(0o700)
            if kept_empty(folder) or not folder.parts:
                _folders(target, folder)
            with os.scandir(source / folder) as entries:
                for entry in entries:
                    path = folder / entry.name
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(path)
                        continue
                    if _is_data(Path(entry.path)):
                        _folders(target, folder)
                    self._one(Path(entry.path), target / path, depth=len(path.parts))

    def _one(self, path: Path, target: Path, *, depth: int) -> None:
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode):
            to = str(path.readlink())
            self._count(0)
            # one that leads further up than there are folders leads nowhere in a system
            if to.split("/").count("..") <= depth:
                target.symlink_to(to)
        elif stat.S_ISREG(found.st_mode):
            self._count(found.st_size)
            path.chmod(0o755 if found.st_mode & 0o111 else 0o644)
            for name in os.listxattr(path):
                os.removexattr(path, name)
            path.rename(target)

    def _count(self, size: int) -> None:
        self._bytes -= size
        self._entries -= 1
        if self._bytes < 0 or self._entries < 0:
            fail("more data or files than an environment may have")


def take(told: dict[str, Any]) -> None:
    """Take what dpkg has left, and print which packages are not set up."""
    working, to = Path(told["working"]), Path(told["working"], "result")
    before = json.loads((to / "before.json").read_text())
    taking = Taking(told["max_bytes"], told["max_entries"])
    states = _states(working / "var/lib/dpkg/status", set(told["names"]))
    taking.usr(working / "usr", to / "usr")
    for part, left_out in NOT_KEPT.items():
        for entry in _entries(working / part):
            if entry.name not in left_out and before[part].get(entry.name) != _signature(entry):
                taking.whole(entry, to / part / entry.name)
    (to / "before.json").unlink()
    print(json.dumps(states))  # noqa: T201 - read by the agent


def _states(status: Path, names: set[str]) -> dict[str, str]:
    """Return the state of packages, `installed` and others, by name; what is not there has none."""
    found = {}
    for stanza in status.read_text(errors="replace").split("\n\n"):
        fields = dict(line.partition(": ")[::2] for line in stanza.splitlines() if not line.startswith(" "))
        name = fields.get("Package", "")
        if name in names:
            found[name] = fields.get("Status", "").rpartition(" ")[2][:40]
    return found


def _signature(path: Path) -> list[list[object]]:
    """Return by what a file or folder is known to be as it was."""
    found = []
    paths = [path]
    for entry in paths:
        what = entry.lstat()
        to = str(entry.readlink()) if stat.S_ISLNK(what.st_mode) else ""
        found.append([str(entry.relative_to(path)), what.st_mode, to or what.st_size, 0 if to else what.st_mtime_ns])
        if stat.S_ISDIR(what.st_mode):
            found[-1][2:] = [0, 0]
            paths += sorted(entry.iterdir())
    return found


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []


def _is_data(path: Path) -> bool:
    mode = path.lstat().st_mode
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode)


def _folders(target: Path, folder: Path) -> None:
    for path in (target, *(target / parent for parent in reversed(folder.parents)), target / folder):
        if not path.is_dir():
            path.mkdir(mode=0o755)


def fail(what: str) -> NoReturn:
    """End with what was too much."""
    print(what)  # noqa: T201 - read by the agent
    sys.exit(1)


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    {"prepare": prepare, "take": take}[asked["do"]](asked)
