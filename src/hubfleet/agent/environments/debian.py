"""The machine's own Debian, and what archives have for it: apt chooses and fetches, in the builder's sandbox.

Only what the machine lacks is fetched. So an answer holds for a machine's list of packages as it is, which is part of
each question: an update of the machine asks anew.
"""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import StringConstraints, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from hubfleet._kit.files import locked
from hubfleet.agent.environments import locks, specification
from hubfleet.agent.environments.locks import DebianPackage
from hubfleet.agent.environments.specification import Refusal
from hubfleet.agent.environments.workshop import Workshop
from hubfleet.errors import BuildError, CommandError, StateError
from hubfleet.model.debian import DebianMirror

STATUS = Path("/var/lib/dpkg/status")
MAX_BYTES = 5 * 1024**3
"""What the packages of one repository may take."""
_RELEASE = Path("/etc/os-release")
_LISTS = ("sources.list", "sources.list.d", "preferences", "preferences.d", "trusted.gpg", "trusted.gpg.d", "keyrings")
_SETTINGS = ("apt.conf", "apt.conf.d")
_PROGRAM = "/run/hubfleet/debs.py"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64el", "armv7l": "armhf"}
_TIMEOUT_S = 1200.0
_LOOK_AGAIN_S = 0.3
_SHORT = StringConstraints(max_length=200)


@dataclass(frozen=True)
class Base:
    """What a machine has of Debian."""

    release: str
    """Such as `debian-bookworm-amd64`."""
    digest: str
    """Of which packages it has in which versions."""
    names: frozenset[str]
    merged: bool
    """Whether /lib is a link into /usr."""

    @property
    def architecture(self) -> str:
        """Return Debian's name of the machine's kind."""
        return self.release.rpartition("-")[2]

    @classmethod
    def here(cls, machine: str) -> "Base | None":
        """Read what this machine has; None: its system is none of Debian's kind. Blocks.

        Args:
            machine: its architecture, as `uname -m` says it.
        """
        try:
            return _base(machine, STATUS.stat().st_mtime_ns)
        except OSError:
            return None


@checked(frozen=True)
class _Package:
    name: Annotated[str, _SHORT]
    version: Annotated[str, _SHORT]
    of: Annotated[str, _SHORT]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


@checked(frozen=True)
class _Answer:
    packages: tuple[_Package, ...] = ()
    system: tuple[str, ...] = ()
    refused: Refusal | None = None


@dataclass(frozen=True)
class Archives:
    """apt on this machine, for the builder."""

    workshop: Workshop
    folder: Path
    """For what archives say."""
    cache: Path
    """For packages, each under its hash; it may be removed between two runs."""
    mirrors: Sequence[DebianMirror] = ()
    """Empty: what the machine's own apt asks."""

    def key(self, wanted: Sequence[specification.Debian], base: Base) -> str:
        """Return a digest of all that an answer follows from, but for what archives have today."""
        told = {
            "wanted": sorted([item.name, item.version] for item in wanted),
            "base": [base.release, base.digest],
            "mirrors": [mirror.model_dump() for mirror in self.mirrors],
        }
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    async def choose(self, wanted: Sequence[specification.Debian], base: Base) -> str:
        """Return lines of a lock for what is wanted and the machine lacks.

        Raises:
            BuildError: there is no such set, with the line that asks and apt's explanation.
        """
        asked = [{"name": item.name, "version": item.version, "where": item.where} for item in wanted]
        answer = await self._run({"do": "choose", "wanted": asked, "max_bytes": MAX_BYTES}, base)
        packages = [DebianPackage(item.name, item.version, item.of, item.sha256).line for item in answer.packages]
        lines = [f"apt-release:{base.release}", *(f"apt-system:{name}" for name in answer.system), *packages]
        try:
            return locks.canonical("\n".join(lines))
        except StateError as error:
            raise BuildError("what apt chose makes no sense", hint=error.message) from error

    async def fetch(self, packages: Sequence[DebianPackage], base: Base) -> list[Path]:
        """Return where packages of a lock are, fetched and verified; they are all that this machine lacks.

        Raises:
            BuildError: one cannot be had any more, or they do not fit this machine.
        """
        told = [{"name": item.name, "version": item.version, "sha256": item.sha256} for item in packages]
        await self._run({"do": "fetch", "packages": told, "cache": str(self.cache)}, base)
        return [self.cache / f"{item.sha256}.deb" for item in packages]

    async def _run(self, told: Mapping[str, object], base: Base) -> _Answer:
        async with self._alone():
            for folder in (self.folder, self.cache.parent, self.cache):
                folder.mkdir(parents=True, exist_ok=True)
                self.workshop.give(folder)
            try:
                done = await self.workshop.run(
                    [str(self.workshop.python), "-I", _PROGRAM],
                    environment={"HOME": str(self.folder)},
                    reads=self._reads(),
                    writes=[self.folder, self.cache],
                    texts={_PROGRAM: files("hubfleet.agent.environments").joinpath("debs.py").read_text()},
                    stdin=json.dumps({**told, **self._setup(base)}),
                    timeout_s=_TIMEOUT_S,
                    check=False,
                )
            except CommandError as error:
                raise BuildError("apt took too long", hint=error.message) from error
        if done.status:
            raise BuildError("Debian's archives cannot be asked", hint=" ".join(done.stderr.split())[-500:])
        try:
            answer = TypeAdapter(_Answer).validate_json(done.stdout)
        except ValidationError as error:
            raise BuildError("what apt says makes no sense", hint=str(error)[:300]) from error
        if answer.refused is not None:
            raise answer.refused.error
        return answer

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Wait for whoever uses apt in this folder."""
        with ExitStack() as held:
            while True:
                try:
                    held.enter_context(locked(self.folder.parent / ".apt.lock", what="apt is in use", hint="wait"))
                    break
                except StateError:
                    await asyncio.sleep(_LOOK_AGAIN_S)
            yield

    def _reads(self) -> list[Path]:
        own = [] if self.mirrors else [Path("/etc/apt", name) for name in _LISTS]
        keys = [Path(mirror.key) for mirror in self.mirrors if mirror.key]
        return [STATUS, *own, *keys, *(Path("/etc/apt", name) for name in _SETTINGS)]

    def _setup(self, base: Base) -> dict[str, object]:
        of_distribution = f"/usr/share/keyrings/{base.release.partition('-')[0]}-archive-keyring.gpg"
        stanzas = [
            f"Types: deb\nURIs: {mirror.address}\nSuites: {' '.join(mirror.suites)}\n"
            f"Components: {' '.join(mirror.components)}\nSigned-By: {mirror.key or of_distribution}\n"
            for mirror in self.mirrors
        ]
        return {"folder": str(self.folder), "sources": "\n".join(stanzas), "architecture": base.architecture}


@cache
def _base(machine: str, _changed_ns: int) -> Base | None:
    said = dict(re.findall(r"^([A-Z_]+)=\"?([^\"\n]*)\"?$", _RELEASE.read_text(), re.MULTILINE))
    release = said.get("VERSION_CODENAME") or said.get("VERSION_ID", "")
    name = f"{said.get('ID', '')}-{release}-{_ARCHITECTURES.get(machine, machine)}"
    found = []
    for stanza in STATUS.read_text(errors="replace").split("\n\n"):
        fields = dict(re.findall(r"^(Package|Status|Version|Architecture): (.*)$", stanza, re.MULTILINE))
        if fields.get("Status", "").endswith(" installed"):
            found.append((fields["Package"], fields.get("Version", ""), fields.get("Architecture", "")))
    tools = all(Path("/usr/bin", tool).is_file() for tool in ("apt-get", "dpkg", "unshare"))
    if not tools or not re.fullmatch(r"[a-z0-9.]+-[a-z0-9.]+-[a-z0-9]+", name) or not found:
        return None
    digest = hashlib.sha256(json.dumps(sorted(found)).encode()).hexdigest()
    return Base(name, digest, frozenset(package for package, _, _ in found), Path("/lib").is_symlink())
