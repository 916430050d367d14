"""Layers: Debian packages that lie over the machine's own system in the servers of one environment.

Made of a lock's lines by dpkg itself, without a network, in a sandbox where it is root of nothing but its own folders;
what it left is kept as data, complete or absent, for just the system that it was made on. Servers, an environment's
`postBuild` and its own packages see it over /usr.
"""

import asyncio
import hashlib
import json
import os
import platform
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from hubfleet._kit.files import write_atomic
from hubfleet.agent.environments import layering, locks
from hubfleet.agent.environments.confined import COPY_S, ENTRIES_MAX, Confined, Limits, Task, last_words, remove
from hubfleet.agent.environments.debian import Archives, Base
from hubfleet.agent.environments.specification import Debian
from hubfleet.agent.environments.workshop import System, Workshop
from hubfleet.errors import BuildError, CommandError, LaunchError, StateError

MARKER = ".hubfleet-complete"
LAYER_VERSION = "1"
"""Changes when the same lines are to be installed in another way."""
_FACTS = "facts.json"
_PROGRAM = "/run/hubfleet/layering.py"
_INSTALL = (
    "dpkg --install --force-unsafe-io --force-confmiss --force-confnew "
    "--path-exclude='/usr/share/man/*' --path-exclude='/usr/share/doc/*' --path-include='/usr/share/doc/*/copyright' "
    '"$@" || dpkg --configure --pending --force-confmiss --force-confnew'
)
_TRIAL_S = 30.0
_REASON = "Debian packages cannot be had on this cluster"

Say = Callable[[str], Awaitable[None]]


@dataclass(frozen=True)
class Layers:
    """The layers of one agent."""

    workshop: Workshop
    folder: Path
    """One folder for each."""
    archives: Archives
    limits: Limits = field(default_factory=Limits)

    async def choose(self, kept: Path, wanted: Sequence[Debian]) -> str:
        """Return lines of a lock for what is wanted; those of before as long as their layer is here.

        Args:
            kept: where answers are kept; those of one hub are apart from others'.
            wanted: names, and where they stand.

        Raises:
            BuildError: they cannot be had, or not on this cluster.
        """
        base = await self._base()
        path = kept / self.archives.key(wanted, base)
        try:
            lines = locks.canonical(await asyncio.to_thread(path.read_text))
        except (OSError, StateError):
            lines = ""
        if not lines or not self.ready(lines):
            await self._try()
            lines = await self.archives.choose(wanted, base)
            await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
            await asyncio.to_thread(write_atomic, path, lines)
        return lines

    def ready(self, lines: str) -> bool:
        """Say whether the layer of a lock's lines is complete, for the system as it is now."""
        path = self._path(lines)
        return path is not None and (path / MARKER).is_file()

    def use(self, lines: str) -> Path | None:
        """Return where a complete layer is, and note that it was asked for; None: the system has all of it."""
        path = self._path(lines)
        if path is None or not locks.debian_packages(lines):
            return None
        with suppress(OSError):
            os.utime(path / MARKER)
        return path

    def note(self, lines: str) -> str:
        """Return what is to be said of a complete layer to whoever asked for it; empty: nothing."""
        path = self._path(lines)
        try:
            return str(json.loads((path / _FACTS).read_text())["note"]) if path else ""
        except (OSError, ValueError, LookupError):
            return ""

    async def make(self, lines: str, say: Say) -> None:
        """Make a layer, unless it is there.

        Args:
            lines: a lock's, of Debian.
            say: gets each step's name.

        Raises:
            LaunchError: it cannot be made here.
        """
        if self.ready(lines):
            return
        try:
            base = await self._base()
            release = locks.debian_release(lines)
            if release != base.release:
                raise BuildError(f"its Debian packages are of {release}, and this cluster's system is {base.release}")
            lacking = sorted(set(locks.of_system(lines)) - base.names)
            if lacking:
                raise BuildError(
                    f"it takes {', '.join(lacking[:5])} from the system, and this cluster's system does not have it",
                    hint="build the repository on this cluster",
                )
            await say("fetching Debian packages")
            debs = await self.archives.fetch(locks.debian_packages(lines), base)
            await self._make(lines, debs, say)
        except BuildError as error:
            raise LaunchError(error.message, hint=error.hint) from error

    async def _base(self) -> Base:
        """Return this machine's Debian, where layers over it work at all."""
        base = await asyncio.to_thread(Base.here, platform.machine())
        if self.workshop.bwrap is None:
            raise BuildError(f"{_REASON}: it has no sandbox for their scripts")
        if base is None:
            raise BuildError(f"{_REASON}: its system is not Debian or Ubuntu", hint="name conda packages instead")
        if not base.merged:
            raise BuildError(f"{_REASON}: its system has a /lib apart from /usr", hint="apt-get install usrmerge")
        return base

    async def _try(self) -> None:
        """Look whether something can lie over the system here."""
        confined = Confined(self.workshop, self.folder.parent / "layering", self.limits)
        with ExitStack() as held:
            working = await asyncio.to_thread(confined.prepare, held, ("usr", "work"))
            try:
                system = System(working / "usr", working / "work")
                await self.workshop.run(["/bin/true"], environment={}, system=system, network=False, timeout_s=_TRIAL_S)
            except CommandError as error:
                raise BuildError(
                    f"{_REASON}: its kernel lets nothing lie over the system ({error.hint or error.message})",
                    hint="run the agent as root, or on Linux 5.11 or newer with user namespaces",
                ) from error
            finally:
                await asyncio.to_thread(remove, working)

    async def _make(self, lines: str, debs: Sequence[Path], say: Say) -> None:
        confined = Confined(self.workshop, self.folder.parent / "layering", self.limits)
        with ExitStack() as held:
            names = ("usr", "work", "etc", "var", "stubs", "result")
            working = await asyncio.to_thread(confined.prepare, held, names)
            try:
                note = ""
                if debs:
                    await say(f"installing {len(debs)} Debian packages")
                    note = await self._install(confined, working, locks.debian_packages(lines), debs)
                await asyncio.to_thread(self._complete, working / "result", lines, note)
            except CommandError as error:
                raise LaunchError(f"{_REASON}: {error.hint or error.message}") from error
            finally:
                await asyncio.to_thread(remove, working)

    async def _install(
        self, confined: Confined, working: Path, packages: Sequence[locks.DebianPackage], debs: Sequence[Path]
    ) -> str:
        """Install, take what came of it as data, and return what is to be said of it."""
        told = {"do": "prepare", "working": str(working), "debs": [str(path) for path in debs]}
        seen = [Path("/etc", name) for name in layering.ETC]
        await self._layering(told, working, [*seen, Path("/var/lib/dpkg"), *debs])
        done = await confined.run(working, _task(working, debs))
        names = [item.name for item in packages]
        bounds: dict[str, object] = {
            "max_bytes": self.limits.disk_bytes + confined.limits.disk_bytes,
            "max_entries": ENTRIES_MAX,
        }
        said = await self._layering({"do": "take", "working": str(working), "names": names, **bounds}, working, [])
        states = json.loads(said)
        lost = [name for name in names if states.get(name, "not-installed") in {"not-installed", "half-installed"}]
        if lost:
            raise LaunchError(f"Debian's {', '.join(lost[:5])} cannot be installed", hint=last_words(done))
        half = [name for name in names if states[name] not in {"installed", "triggers-pending", "triggers-awaited"}]
        return f"Debian's {', '.join(half)} could not be set up whole, and may not work" if half else ""

    async def _layering(self, told: Mapping[str, object], working: Path, reads: Sequence[Path]) -> str:
        done = await self.workshop.run(
            [str(self.workshop.python), "-I", _PROGRAM],
            environment={},
            reads=reads,
            writes=[working],
            texts={_PROGRAM: files("hubfleet.agent.environments").joinpath("layering.py").read_text()},
            stdin=json.dumps(told),
            network=False,
            timeout_s=COPY_S,
            check=False,
        )
        if done.status:
            why = (done.stdout or done.stderr).strip().splitlines()[-1:] or ["it cannot be read"]
            raise LaunchError("what Debian packages left cannot be kept", hint=why[0][:500])
        return done.stdout

    def _complete(self, result: Path, lines: str, note: str) -> None:
        place = self._path(lines)
        if place is None:
            raise LaunchError("the system was changed while its Debian packages were installed", hint="build it again")
        write_atomic(result / _FACTS, json.dumps({"note": note}))
        if self.workshop.uid is not None:
            os.chown(result, 0, 0)
        # servers see its parts by mounts, and nobody else needs to
        result.chmod(0o700)
        write_atomic(result / MARKER, digest(lines) + "\n")
        os.sync()
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        if place.exists():
            # without its marker it was never complete
            remove(place)
        result.rename(place)

    def _path(self, lines: str) -> Path | None:
        """Return where the layer is, or will be, for the system as it is now; None: there can be none."""
        base = Base.here(platform.machine())
        if base is None:
            return None
        return self.folder / f"{digest(lines)[:32]}-{base.digest[:16]}-{LAYER_VERSION}"


def digest(lines: str) -> str:
    """Return by what a layer is known, whichever system it was made on."""
    return hashlib.sha256(lines.encode()).hexdigest()


def _task(working: Path, debs: Sequence[Path]) -> Task:
    """Return how dpkg is run: every account is the builder's own, and programs for accounts and services do nothing."""
    accounts = {
        "/etc/passwd": _all_one(Path("/etc/passwd"), "0:0::/:/bin/sh"),
        "/etc/group": _all_one(Path("/etc/group"), "0:"),
    }
    return Task(
        "the installation of Debian packages",
        ["/bin/sh", "-c", _INSTALL, "sh", *map(str, debs)],
        path=f"{working}/stubs:/usr/sbin:/usr/bin:/sbin:/bin",
        directory=Path("/"),
        variables={"DEBIAN_FRONTEND": "noninteractive", "DEBCONF_NONINTERACTIVE_SEEN": "true", "LC_ALL": "C.UTF-8"},
        reads=[working / "stubs", *debs],
        places={Path("/etc"): working / "etc", Path("/var"): working / "var"},
        texts=accounts,
        system=System(working / "usr", working / "work"),
    )


def _all_one(file: Path, rest: str) -> str:
    """Return accounts or groups of the system by their names, each of which means who installs."""
    names = [line.partition(":")[0] for line in file.read_text().splitlines() if line.count(":") >= 3]
    return "".join(f"{name}:x:{rest}\n" for name in names)
