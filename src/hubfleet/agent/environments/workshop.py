"""Where the builder's tools run: as its own user, in a sandbox that shows the system and what a step names."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hubfleet._kit import process
from hubfleet._kit.files import in_memory
from hubfleet._kit.process import Finished
from hubfleet.agent.launchers import bubblewrap, layered, sandbox
from hubfleet.agent.launchers.sandbox import Bind, Overlay, Sandbox

PASSED_ON = (
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "UV_NATIVE_TLS",
    "UV_SYSTEM_CERTS",
)
"""Environment variables of the agent that say how to reach a package index."""
_FILE_GIB, _MEMORY_GIB, _PROCESSES = 8, 16, 1024
"""What one tool may make of one file, of address space, and the builder of processes: more than any needs."""
_WITHIN = f"umask 022; ulimit -f {_FILE_GIB * 2 * 1024**2}; ulimit -v {_MEMORY_GIB * 1024**2}; "
# dash and bash call it by different letters
_PROCESSES_OF_ITS_OWN = f"ulimit -p {_PROCESSES} 2>/dev/null || ulimit -u {_PROCESSES}; "
_NICE = 15
"""People at work come first: what waits for a build waits longer, what starts or runs meanwhile notices little."""
_OUTSIDE = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf")
"""How names become addresses; for steps that see the network."""
_ROOT_OF_ITS_OWN = (
    *("/usr/bin/unshare", "--user", "--map-root-user", "--"),
    *("/usr/bin/setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"),
)
"""Lets the builder's user count as root where all that it owns is its own; without any of root's rights."""
_UID = 1000
"""The builder's inside, where bubblewrap runs as an ordinary user."""


@dataclass(frozen=True)
class System:
    """A private view of /usr for a tool that installs packages; it is root there, and nobody else's."""

    upper: Path
    """Takes what it writes. It has to have each folder of /usr already: nobody can write into one of real root's."""
    work: Path
    """Empty, beside it."""


@dataclass(frozen=True)
class Workshop:
    """How the builder runs its tools on this machine."""

    python: Path
    """The Python that environments are made with."""
    variables: Mapping[str, str]
    """How to reach the index: `PASSED_ON`."""
    uid: int | None = None
    """User id of the builder; None: the agent's own."""
    bwrap: Path | None = None
    """bubblewrap; None: no sandbox, and then nothing of a repository may be run or read here."""
    layer: Path | None = None
    """Debian packages that are seen over the machine's own."""

    async def run(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        reads: Sequence[Path] = (),
        writes: Sequence[Path] = (),
        places: Mapping[Path, Path] | None = None,
        texts: Mapping[str, str] | None = None,
        stdin: str = "",
        network: bool = True,
        system: System | None = None,
        timeout_s: float,
        check: bool = True,
        each_line: Callable[[str], None] | None = None,
    ) -> Finished:
        """Run one tool to its end; it is killed, and all that it started, when this is cancelled.

        Args:
            command: the tool; what people wrote goes to it by `stdin` or `texts`, never here.
            environment: its variables, besides those that say how to reach the index.
            reads: further files and folders that it sees, at their own paths.
            writes: folders that it may write.
            places: folders that it may write and sees elsewhere: path inside -> folder.
            texts: files of text that only it sees: path -> content.
            stdin: what it reads.
            network: whether it sees the network.
            system: what it may write of the system; None: nothing, and `layer` lies over it.
            timeout_s: how long it may take.
            check: whether another status than 0 is an error.
            each_line: gets each line of its output as it comes.

        Raises:
            CommandError: it cannot be started, took too long, or failed.
        """
        variables = {**self.variables, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **environment}
        # an ordinary user's limit would count all that this user runs
        within = _WITHIN if self.uid is None else _WITHIN + _PROCESSES_OF_ITS_OWN
        whole = ["/bin/sh", "-c", f'{within}exec nice -n {_NICE} "$@"', "sh", *command]
        with ExitStack() as stack:
            fds: dict[str, int] = {}
            if self.bwrap is not None:
                fds = {path: stack.enter_context(in_memory(text.encode())) for path, text in (texts or {}).items()}
                binds = [Bind(path, PurePosixPath(path), optional=True) for path in (*reads, *self._tools())]
                binds += [Bind(path, PurePosixPath(path), writable=True) for path in writes]
                binds += [Bind(path, PurePosixPath(at), writable=True) for at, path in (places or {}).items()]
                whole = self._boxed(whole, binds, texts or {}, fds, network=network, system=system)
            return await process.run_async(
                whole,
                env=variables,
                cwd=Path("/"),
                stdin=stdin,
                pass_fds=list(fds.values()),
                timeout_s=timeout_s,
                check=check,
                each_line=each_line,
            )

    def give(self, folder: Path) -> None:
        """Make a folder the builder's own."""
        folder.chmod(0o755)
        if self.uid is not None:
            os.chown(folder, self.uid, self.uid)

    def _boxed(
        self,
        command: list[str],
        binds: Sequence[Bind],
        texts: Mapping[str, str],
        fds: Mapping[str, int],
        *,
        network: bool,
        system: System | None,
    ) -> list[str]:
        found, overlays, links = self._system(system, binds)
        if network:
            found += [Bind(Path(path), PurePosixPath(path), optional=True) for path in _OUTSIDE]
        as_root = os.geteuid() == 0
        box = Sandbox(
            self.uid if self.uid is not None else 0 if system else _UID,
            as_root,
            [*found, *binds],
            texts,
            unshare_network=not network,
            directory=PurePosixPath("/"),
            overlays=overlays,
        )
        arguments = sandbox.arguments(box, fds, links)
        arguments.remove("--clearenv")
        arguments.append("--die-with-parent")
        inner = [*_ROOT_OF_ITS_OWN, *command] if system and as_root else command
        assert self.bwrap is not None
        bwrap = bubblewrap.find(overlays=True) if overlays else self.bwrap
        return [str(bwrap), *arguments, "--", *sandbox.command(box, bwrap, 0, inner)[4:]]

    def _system(
        self, system: System | None, binds: Sequence[Bind]
    ) -> tuple[list[Bind], Sequence[Overlay], dict[str, str]]:
        found, links = sandbox.system()
        if system is not None:
            own = {bind.target for bind in binds} | {layered.USR}
            found = [bind for bind in found if not any(bind.target.is_relative_to(path) for path in own)]
            usr = Path(layered.USR)
            return found, [Overlay(layered.USR, [usr], upper=system.upper, work=system.work)], links
        if self.layer is None:
            return found, (), links
        return *layered.over(found, self.layer), links

    def _tools(self) -> list[Path]:
        """Return what lies outside the system's folders: certificates, and the Python where it is not the system's."""
        given = [self.variables.get(name, "") for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")]
        own = self.python == Path(sys.executable)
        prefix = Path(sys.base_prefix) if own else self.python.resolve().parent.parent
        return [*(Path(path) for path in given if path), *([] if prefix.is_relative_to("/usr") else [prefix])]
