"""A program as a unit of systemd: a pure function from the one to the text of the other.

https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html; nothing newer than systemd 249 is used.
"""

import re
import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hubfleet.model.program import Program

DATA_KEY = "X-Hubfleet-Data"
"""Which data folder a unit belongs to; systemd ignores what begins with X-."""
_HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
_TEMPORARY = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - compared, not written to
_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")


@dataclass(frozen=True)
class Setting:
    """What a unit needs besides its program: all that only the machine knows."""

    fleet: str
    data: Path
    drop: tuple[str, ...]
    """The command that goes on as the program's user, who has a number but no account, so that `User=` would refuse it;
    empty: root."""
    environment: Mapping[str, str]
    python: str
    software: tuple[Path, ...]
    """Folders that the program's software lies in."""
    closed: tuple[Path, ...] = ()
    """Folders on the way to software or data that the program's user may not enter, such as /root."""


def unit_name(fleet: str, program: str) -> str:
    """Return the name of a program's unit."""
    return f"hubfleet-{fleet}-{program}.service"


def target_name(fleet: str) -> str:
    """Return the name of the target that starts and stops a whole fleet."""
    return f"hubfleet-{fleet}.target"


def render_target(fleet: str, data: Path) -> str:
    """Return the text of the target."""
    return _text(
        {
            "Unit": [
                ("Description", f"hubfleet: all programs of {fleet}"),
                ("Wants", "network-online.target"),
                ("After", "network-online.target"),
                (DATA_KEY, str(data)),
            ],
            "Install": [("WantedBy", "multi-user.target")],
        }
    )


def render(program: Program, setting: Setting) -> str:
    """Return the text of a program's unit."""
    after = " ".join(["network-online.target", *(unit_name(setting.fleet, name) for name in program.after)])
    unit = [
        ("Description", f"hubfleet: {program.name} of {setting.fleet}"),
        # not Requires: what a program waits for may restart without it
        ("Wants", after),
        ("After", after),
        ("PartOf", target_name(setting.fleet)),
        ("StartLimitIntervalSec", "0"),
        (DATA_KEY, str(setting.data)),
    ]
    service = [
        *_process(program, setting),
        *(_as_user(program, setting) if setting.drop else _as_root()),
    ]
    return _text({"Unit": unit, "Service": service, "Install": [("WantedBy", target_name(setting.fleet))]})


def _process(program: Program, setting: Setting) -> Iterable[tuple[str, str]]:
    folder = setting.data / "programs" / program.name
    log = f"append:{_escaped(str(setting.data / 'logs' / program.name))}.log"
    yield "Type", "exec"
    yield "ExecStart", _command((*setting.drop, *program.command))
    if program.health:
        asked = [program.health.url, *([program.health.host] if program.health.host else [])]
        yield (
            "ExecStartPost",
            _command([*setting.drop, setting.python, "-m", "hubfleet.platforms.machine.healthy", *asked]),
        )
        yield "TimeoutStartSec", f"{program.health.timeout_s:g}"
    if program.reload_signal:
        drop = f"{_command(setting.drop)} " if setting.drop else ""
        yield "ExecReload", f"{drop}/bin/kill -{signal.Signals(program.reload_signal).name[3:]} $MAINPID"
    yield "Restart", "always"
    yield "RestartSec", "1"
    yield "TimeoutStopSec", f"{program.stop_grace_s:g}"
    yield "WorkingDirectory", _escaped(str(folder))
    for name, value in sorted(setting.environment.items()):
        yield "Environment", _quoted(f"{name}={value}")
    yield "UMask", "0027"
    # systemd opens them before it gives up being root
    yield "StandardOutput", log
    yield "StandardError", log


def _as_root() -> Iterable[tuple[str, str]]:
    """An agent: servers are its children, live on without it, and get their walls from it, so it has none itself.

    Delegate: the control groups below its own are its own affair.
    """
    yield "KillMode", "process"
    yield "Delegate", "yes"
    yield "OOMPolicy", "continue"
    yield "TasksMax", "infinity"


def _as_user(program: Program, setting: Setting) -> Iterable[tuple[str, str]]:
    """All others: with no more rights than becoming their user takes, and none once they are."""
    rights = ["CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", *(["CAP_NET_BIND_SERVICE"] if program.low_ports else [])]
    yield "KillMode", "mixed"
    yield "CapabilityBoundingSet", " ".join(rights)
    yield "NoNewPrivileges", "yes"
    yield "ProtectSystem", "strict"
    yield from _files(program, setting)
    for name in (
        "PrivateDevices",
        "ProtectClock",
        "ProtectControlGroups",
        "ProtectHostname",
        "ProtectKernelLogs",
        "ProtectKernelModules",
        "ProtectKernelTunables",
        "RestrictNamespaces",
        "RestrictRealtime",
        "RestrictSUIDSGID",
        "LockPersonality",
    ):
        yield name, "yes"
    # MemoryDenyWriteExecute is not among them: cffi's and HAProxy's (PCRE) code is made at run time
    yield "ProtectProc", "invisible"
    yield "RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6 AF_NETLINK"
    yield "SystemCallArchitectures", "native"


def _files(program: Program, setting: Setting) -> Iterable[tuple[str, str]]:
    """Say what the program sees of the file system, and what it may write."""
    folder = setting.data / "programs" / program.name
    needed = (setting.data, *setting.software)
    for name in (folder, *(setting.data / item for item in program.writes)):
        yield "ReadWritePaths", _escaped(str(name))
    yield "PrivateTmp", "yes"
    if not _below(needed, _HOMES):
        yield "ProtectHome", "yes"
    for closed in setting.closed:
        yield "TemporaryFileSystem", f"{_escaped(str(closed))}:ro,mode=0755"
    for hidden in (*_TEMPORARY, *setting.closed):
        for path in (item for item in setting.software if item.is_relative_to(hidden)):
            yield "BindReadOnlyPaths", _escaped(str(path))
        if setting.data.is_relative_to(hidden):
            yield "BindPaths", _escaped(str(setting.data))


def _below(paths: Iterable[Path], folders: Iterable[Path]) -> bool:
    tops = tuple(folders)
    return any(path.is_relative_to(top) for path in paths for top in tops)


def _command(words: Sequence[str]) -> str:
    return " ".join(_quoted(word).replace("$", "$$") for word in words)


def _quoted(word: str) -> str:
    """Quote a word as systemd.syntax(7) reads it; `%` begins a specifier there."""
    escaped = _escaped(word)
    if _PLAIN.fullmatch(escaped):
        return escaped
    inner = escaped.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{inner}"'


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _text(sections: Mapping[str, Iterable[tuple[str, str]]]) -> str:
    lines = ["# written by `hubfleet apply`, which writes it again: changes here are lost"]
    for title, pairs in sections.items():
        lines += ["", f"[{title}]", *(f"{key}={value}" for key, value in pairs)]
    return "\n".join(lines) + "\n"
