"""Warm starts: one process per base software that has the server's code imported, of which servers are forked.

A parent is begun with the first start of its base software, and servers start plainly until it is ready, as they do
wherever there is none. It ends with the agent, and by itself if the agent goes away; servers go on without it.
"""

import asyncio
import json
import logging
import os
import shutil
import socket
import stat
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from hubfleet._kit import process
from hubfleet._kit.files import in_memory
from hubfleet.agent.launchers import bubblewrap, sandbox, warm_parent
from hubfleet.agent.launchers.bubblewrap import Held
from hubfleet.agent.launchers.sandbox import HOME
from hubfleet.errors import TemporaryLaunchError

_log = logging.getLogger(__name__)

HOLDER = ("/bin/sh", "-c", 'trap "" TERM; echo >&0; read -r code || exit 137; exit "$code"')
"""What stands for a forked server in its sandbox: says that it is there, and ends with the server's own status."""
MODULES = (
    *("jupyterhub.singleuser", "jupyterhub.singleuser.extension"),
    *("jupyter_server.serverapp", "jupyter_server.gateway.handlers", "jupyter_server.view.handlers"),
    *(f"jupyter_server.services.{name}.handlers" for name in ("api", "config", "contents", "events", "kernels")),
    *(f"jupyter_server.services.{name}.handlers" for name in ("kernelspecs", "nbconvert", "security", "sessions")),
    *("jupyter_server.kernelspecs.handlers", "jupyter_server.nbconvert.handlers", "jupyter_server.services.shutdown"),
    *("jupyter_server.services.contents.largefilemanager", "jupyter_server_terminals.app"),
    *("jupyterlab.labapp", "jupyterlab.handlers.announcements", "jupyterlab.handlers.extension_manager_handler"),
    *("notebook.app", "notebook_shim.nbserver", "notebook_shim.shim", "jupyter_core.migrate"),
    *("jupyter_lsp.serverextension", "jupyter_lsp.virtual_documents_shadow", "jupyter_resource_usage.server_extension"),
    *(
        "jupyter_client.asynchronous",
        "nbformat.v4",
        "terminado.management",
        "zmq.asyncio",
        "IPython.core.interactiveshell",
    ),
    *("httpcore", "jinja2.ext", "runpy", "tornado.platform.asyncio"),
)
"""What servers import at their start; never `jupyterhub.singleuser.app`, which changes others when it is imported."""
WITHOUT = ("rfc3987_syntax",)
UNUSED_S = 86400.0
"""After which a parent ends that no start asked for, such as that of an older base software."""
SPARE_BYTES = 1 << 30
"""Memory that must be free for a parent to begin; it takes about a tenth of it."""
_BOOT_S, _FORK_S = 120.0, 20.0
_PROGRAM = "/run/hubfleet/parent.py"
_RIGHTS = "-all,+sys_admin,+sys_chroot,+setuid,+setgid,+setpcap"
_NAMESPACES = tuple(warm_parent.NAMESPACES)


@dataclass
class _Parent:
    """One parent."""

    line: socket.socket
    child: process.Child
    ready: bool = False
    used_at: float = 0.0
    """When a server was forked of it last, by the loop's clock."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def end(self) -> None:
        self.ready = False
        self.line.close()
        self.child.kill()
        self.child.wait()


class WarmParents:
    """The parents of one agent, by base software."""

    def __init__(self, folder: Path, python_prefix: Path) -> None:
        """Make it; nothing is begun yet.

        Args:
            folder: for the parents' own output.
            python_prefix: where the Python of the environments is installed.
        """
        self._folder = folder
        self._python_prefix = python_prefix
        self._parents: dict[Path, _Parent] = {}
        self._beginning: dict[Path, asyncio.Task[None]] = {}

    def ready(self, prefix: Path) -> bool:
        """Say whether a server of a base software can be forked now; if not, see that it can be later."""
        parent = self._parents.get(prefix)
        if parent is not None and parent.child.poll() is not None:
            parent.end()
            parent = self._parents.pop(prefix, None) and None
        if parent is None and prefix not in self._beginning and os.geteuid() == 0 and _spare_bytes() > SPARE_BYTES:
            task = asyncio.create_task(self._begin(prefix), name=f"warm parent of {prefix.name}")
            self._beginning[prefix] = task
            task.add_done_callback(lambda _: self._beginning.pop(prefix, None))
        if parent is None or not parent.ready:
            return False
        parent.used_at = asyncio.get_running_loop().time()
        for other in [path for path, one in self._parents.items() if one.used_at < parent.used_at - UNUSED_S]:
            self._lose(other)
        return True

    async def fork(
        self,
        prefix: Path,
        held: Held,
        instructions: Mapping[str, object],
        *,
        uid: int,
        groups: Sequence[int],
        log: Path,
        join: Sequence[Path],
    ) -> None:
        """Let a server run in a sandbox that is held by `HOLDER`.

        Args:
            prefix: the base software; its parent is ready.
            held: the sandbox.
            instructions: what the start program is told.
            uid: the person's user id.
            groups: further groups.
            log: where the server writes (appended).
            join: control groups' files.

        Raises:
            TemporaryLaunchError: the parent does not do it; the next start is a plain one.
        """
        parent = self._parents[prefix]
        await held.complete()
        with ExitStack() as stack:
            line = stack.enter_context(held.hand_over())
            given = {"status": line.fileno(), "told": stack.enter_context(in_memory(json.dumps(instructions).encode()))}
            paths = {"log": (log, os.O_WRONLY | os.O_APPEND)}
            paths |= {name: (Path(f"/proc/{held.init.pid}/ns/{name}"), os.O_RDONLY) for name in _NAMESPACES}
            paths |= {f"group-{number}": (path, os.O_WRONLY) for number, path in enumerate(join)}
            for name, (path, flags) in paths.items():
                given[name] = os.open(path, flags | os.O_CLOEXEC)
                stack.callback(os.close, given[name])
            told = json.dumps({"uid": uid, "groups": list(groups), "descriptors": list(given)}).encode()
            try:
                async with parent.turn, asyncio.timeout(_FORK_S):
                    socket.send_fds(parent.line, [told], list(given.values()))
                    answer = await asyncio.get_running_loop().sock_recv(parent.line, 64)
            except (OSError, TimeoutError) as error:
                self._lose(prefix)
                raise TemporaryLaunchError("the warm parent does not answer") from error
            if answer != b"0":
                self._lose(prefix)
                raise TemporaryLaunchError("the server could not be forked", hint=answer.decode(errors="replace"))

    async def close(self) -> None:
        """End all parents; servers go on."""
        for task in list(self._beginning.values()):
            task.cancel()
        await asyncio.gather(*self._beginning.values(), return_exceptions=True)
        for prefix in list(self._parents):
            self._lose(prefix)

    def _lose(self, prefix: Path) -> None:
        parent = self._parents.pop(prefix, None)
        if parent is not None:
            parent.end()

    async def _begin(self, prefix: Path) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            child = await asyncio.to_thread(self._spawn, prefix, theirs)
        parent = self._parents[prefix] = _Parent(ours, child)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_BOOT_S):
                await loop.sock_sendall(ours, json.dumps({"modules": MODULES, "without": WITHOUT}).encode())
                threads = await loop.sock_recv(ours, 64)
        except (OSError, TimeoutError) as error:
            _log.warning("servers start plainly: the warm parent of %s did not come up: %s", prefix.name, error)
            self._lose(prefix)
            return
        except asyncio.CancelledError:
            self._lose(prefix)
            raise
        if threads != b"1":
            # a fork copies one thread only, and a lock that another holds would stay locked
            _log.warning("servers start plainly: importing %s left %r threads", prefix.name, threads)
            self._lose(prefix)
            return
        parent.ready, parent.used_at = True, loop.time()
        _log.info("servers of %s start warm", prefix.name)

    def _spawn(self, prefix: Path, line: socket.socket) -> process.Child:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _seal(prefix)
        with ExitStack() as stack:
            text = stack.enter_context(in_memory(Path(warm_parent.__file__).read_bytes()))
            arguments = _sees([prefix, self._python_prefix], text)
            args_fd = stack.enter_context(in_memory(b"".join(item.encode() + b"\0" for item in arguments)))
            command = [str(bubblewrap.find()), "--args", str(args_fd), "--", "/usr/bin/setpriv", "--inh-caps=-all"]
            command += [f"--bounding-set={_RIGHTS}", "--no-new-privs", "--", str(prefix / "bin" / "python")]
            return process.spawn(
                [*command, "-I", _PROGRAM, str(line.fileno())],
                env={"PATH": "/usr/bin:/bin"},
                cwd=Path("/"),
                output=self._folder / "log",
                pass_fds=[args_fd, text, line.fileno()],
            )


def _seal(prefix: Path) -> None:
    """Make software root's own, before root runs it: whoever made it can change it no more. Blocks.

    A file with further names, such as one in the builder's cache, gets an inode of its own: a cache whose files are
    root's could not be installed from any more.
    """
    for path in (prefix, *prefix.rglob("*")):
        found = path.lstat()
        if found.st_uid or found.st_gid:
            if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
                _copy(path)
            os.chown(path, 0, 0, follow_symlinks=False)
        if not stat.S_ISLNK(found.st_mode) and found.st_mode & 0o022:
            path.chmod(stat.S_IMODE(found.st_mode) & ~0o022)


def _copy(path: Path) -> None:
    """Put a copy in a file's place; it keeps its times, by which bytecode knows its source."""
    copy = path.with_name(f".{path.name}.sealed")
    shutil.copy2(path, copy, follow_symlinks=False)
    copy.replace(path)


def _spare_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")


def _sees(folders: Sequence[Path], program: int) -> list[str]:
    """Return bubblewrap's arguments for a parent: the system and its software to read, no network, all processes.

    It has no process namespace of its own, since a process joins only those that are below its own.
    """
    binds, links = sandbox.system()
    result = ["--unshare-net", "--unshare-ipc", "--unshare-uts", "--new-session", "--clearenv"]
    for name, value in (("PATH", "/usr/bin:/bin"), ("LANG", "C.UTF-8"), ("HOME", str(HOME))):
        result += ["--setenv", name, value]
    for path, target in sorted(links.items()):
        result += ["--symlink", target, path]
    result += ["--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108 - its own
    binds = [*binds, *(sandbox.Bind(path, PurePosixPath(path)) for path in folders)]
    for bind in sorted(binds, key=lambda bind: len(bind.target.parts)):
        result += ["--ro-bind-try" if bind.optional else "--ro-bind", str(bind.source), str(bind.target)]
    return [*result, "--perms", "0444", "--ro-bind-data", str(program), _PROGRAM, "--remount-ro", "/", "--chdir", "/"]
