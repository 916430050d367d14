"""The sandbox of one server as bubblewrap's arguments: pure, so that tests can read what a server will see.

The arguments go to bubblewrap by `--args FD`, never as argv. Nothing that a person chose (variables above all) is in
the environment of bubblewrap or setpriv, which run with more rights than the server.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

HOME = PurePosixPath("/home/jovyan")
"""Where each home is seen; the same everywhere, so that paths in notebooks stay right when a home moves."""
SHARED = PurePosixPath("/shared")
"""Where shared folders are mounted; `shared` in the home is a link to it. Never below the home: what a person may
rename or replace by a link must not be the target of a mount that root makes."""
CONTENT = PurePosixPath("/run/hubfleet/content")
"""Where a repository's files are seen, of which the home gets a copy."""
START_PROGRAM = PurePosixPath("/run/hubfleet/start.py")
KERNEL_PROGRAM = PurePosixPath("/run/hubfleet/kernel.py")
"""Beside the start program, which makes kernels start with it."""
COPIES_PROGRAM = PurePosixPath("/run/hubfleet/copies.py")
"""Beside the start program, which makes copies of a repository's files with it."""
COPY_UPDATE_PROGRAM = PurePosixPath("/run/hubfleet/copy_update.py")
"""Brings an earlier copy of a repository's files up to date."""
START_SCRIPT_PROGRAM = PurePosixPath("/run/hubfleet/start_script.py")
"""Runs a repository's `start`."""

SYSTEM_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/libx32")
OWN_FOLDERS = ("/dev/shm", "/tmp", "/var/tmp")  # noqa: S108 - each server has its own
SYSTEM_FILES = (
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/fonts",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/pki/tls/certs",
    "/etc/python3",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/timezone",
)
"""Of /etc only what programs need and everybody may read; never keys, accounts or the host's set-up."""


@dataclass(frozen=True)
class Bind:
    """A file or folder of the host that is seen inside."""

    source: Path
    target: PurePosixPath
    writable: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Overlay:
    """A folder that is seen as several ones over each other."""

    target: PurePosixPath
    lower: Sequence[Path]
    """The one at the bottom first; at least two, or one below `upper`."""
    upper: Path | None = None
    """Takes what is written; None: nothing can be."""
    work: Path | None = None
    """Empty, on the same file system as `upper`."""


@dataclass(frozen=True)
class Sandbox:
    """What a process inside sees and may do."""

    uid: int
    """The user id that it has, inside and (as root) outside."""
    as_root: bool
    """Whether bubblewrap itself runs as root, so that the process gets a real user id of its own."""
    binds: Sequence[Bind] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    """Files that are made of text, read-only: path -> content."""
    unshare_network: bool = False
    groups: Sequence[int] = ()
    """Further host groups, where the process has its own host uid."""
    directory: PurePosixPath = HOME
    host_name: str = "jupyter"
    status_fd: int | None = None
    """Where bubblewrap writes its JSON: the inner process's id, later its exit code."""
    overlays: Sequence[Overlay] = ()
    """For bubblewrap 0.11 or newer."""


def arguments(sandbox: Sandbox, text_fds: Mapping[str, int], links: Mapping[str, str]) -> list[str]:
    """Return bubblewrap's arguments.

    Args:
        sandbox: what is wanted.
        text_fds: file descriptors that hold the content of each of `sandbox.texts`.
        links: symbolic links to make, path -> target (on a merged /usr, /bin and its like).
    """
    result = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--new-session"]
    if not sandbox.as_root:
        result += ["--unshare-user", "--disable-userns", "--uid", str(sandbox.uid), "--gid", str(sandbox.uid)]
        result += ["--cap-drop", "ALL"]
    if sandbox.unshare_network:
        result.append("--unshare-net")
    result += ["--hostname", sandbox.host_name, "--clearenv", "--setenv", "PATH", "/usr/bin:/bin"]
    for path, target in sorted(links.items()):
        result += ["--symlink", target, path]
    result += ["--proc", "/proc", "--dev", "/dev", "--perms", "0755", "--dir", "/var"]
    for folder in OWN_FOLDERS:
        result += ["--perms", "1777", "--tmpfs", folder]
    made = {"/", "/var", "/dev", "/proc", *OWN_FOLDERS}
    for overlay in sandbox.overlays:
        result += [*_parents(overlay.target, made), *_overlay(overlay)]
        made.add(str(overlay.target))
    for bind in sorted(sandbox.binds, key=lambda bind: len(bind.target.parts)):
        result += _parents(bind.target, made)
        kind = "--bind" if bind.writable else "--ro-bind"
        result += [kind + ("-try" if bind.optional else ""), str(bind.source), str(bind.target)]
        made.add(str(bind.target))
    for path in sorted(sandbox.texts):
        result += _parents(PurePosixPath(path), made)
        result += ["--perms", "0444", "--ro-bind-data", str(text_fds[path]), path]
    if sandbox.status_fd is not None:
        result += ["--json-status-fd", str(sandbox.status_fd)]
    return [*result, "--remount-ro", "/", "--chdir", str(sandbox.directory)]


def command(sandbox: Sandbox, bwrap: Path, args_fd: int, inner: Sequence[str]) -> list[str]:
    """Return the command that runs `inner` in the sandbox, with every right dropped before it."""
    drop: list[str] = []
    if sandbox.as_root:
        groups = ["--groups", ",".join(map(str, sandbox.groups))] if sandbox.groups else ["--clear-groups"]
        drop = ["/usr/bin/setpriv", "--reuid", str(sandbox.uid), "--regid", str(sandbox.uid), *groups]
        drop += ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", "--"]
    return [str(bwrap), "--args", str(args_fd), "--", *drop, *inner]


def system(root: Path = Path("/")) -> tuple[list[Bind], dict[str, str]]:
    """Return the host's system folders as read-only binds and, where they are links (merged /usr), as links."""
    binds: list[Bind] = []
    links: dict[str, str] = {}
    for name in SYSTEM_FOLDERS:
        path = root / name.lstrip("/")
        if path.is_symlink():
            links[name] = str(path.readlink())
        elif path.is_dir():
            binds.append(Bind(path, PurePosixPath(name)))
    binds += [Bind(root / name.lstrip("/"), PurePosixPath(name), optional=True) for name in SYSTEM_FILES]
    return binds, links


def accounts(uid: int, groups: Mapping[int, str]) -> dict[str, str]:
    """Return /etc/passwd, /etc/group and the like with nobody in them but the person."""
    passwd = [
        f"jovyan:x:{uid}:{uid}:Jupyter:{HOME}:/bin/bash",
        "root:x:0:0:root:/root:/usr/sbin/nologin",
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin",
    ]
    group = [f"jovyan:x:{uid}:", "root:x:0:", "nogroup:x:65534:"]
    group += [f"{name}:x:{gid}:jovyan" for gid, name in sorted(groups.items())]
    return {
        "/etc/passwd": "\n".join(passwd) + "\n",
        "/etc/group": "\n".join(group) + "\n",
        "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
        "/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    }


def _overlay(overlay: Overlay) -> list[str]:
    lower = [part for path in overlay.lower for part in ("--overlay-src", str(path))]
    if overlay.upper is None:
        return [*lower, "--ro-overlay", str(overlay.target)]
    return [*lower, "--overlay", str(overlay.upper), str(overlay.work), str(overlay.target)]


def _parents(target: PurePosixPath, made: set[str]) -> list[str]:
    result: list[str] = []
    for parent in reversed(target.parents):
        result += _folder(str(parent), made)
        made.add(str(parent))
    return result


def _folder(path: str, made: Iterable[str]) -> list[str]:
    # bubblewrap makes missing parents of a bind with mode 0700, which other user ids cannot enter
    return [] if path in set(made) else ["--perms", "0755", "--dir", path]
