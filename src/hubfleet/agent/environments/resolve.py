"""From a specification to a lock: exact versions with hashes, as of a date, chosen in the builder's sandbox.

Conda packages are chosen by rattler, those of PyPI by uv; where both are asked for, conda's come first and PyPI's have
to go with them.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import uv

from hubfleet._kit.clock import Clock
from hubfleet._kit.files import write_atomic
from hubfleet.agent.environments import explaining, locks, merging, specification, standins, wheels
from hubfleet.agent.environments.conda import Chosen, Conda
from hubfleet.agent.environments.layers import Layers
from hubfleet.agent.environments.questions import KERNEL_UNTIL, Question, cut_off
from hubfleet.agent.environments.realise import index_options, python_version
from hubfleet.agent.environments.specification import KERNEL, FromPypi, Refusal, SourceFile, Specification, Wanted
from hubfleet.agent.environments.workshop import Workshop
from hubfleet.errors import BuildError, CommandError, StateError
from hubfleet.protocol.builds import AS_OF_COMMIT

_OF_THE_KERNEL = (
    *("ipykernel", "jupyter-client", "jupyter-core", "comm", "debugpy", "nest-asyncio", "nest-asyncio2"),
    *("psutil", "pyzmq", "tornado", "traitlets", "platformdirs"),
)
_TIMEOUT_S = 600.0
_KERNEL, _PINS = "kernel.in", "pins.in"
Way = TypeVar("Way", Wanted, FromPypi)


class Resolver:
    """Answers questions, each only once for a hub."""

    def __init__(
        self, folder: Path, cache: Path, workshop: Workshop, clock: Clock, *, conda: Conda, indexes: Sequence[str] = ()
    ) -> None:
        """Make it.

        Args:
            folder: where answers are kept, apart for each hub, and where it works.
            cache: uv's, for what packages say of themselves; nothing is installed from it.
            workshop: runs uv.
            clock: for today's date.
            conda: chooses conda packages.
            indexes: package indexes, in order; empty: PyPI, or what the workshop's variables say.
        """
        self._folder = folder
        self._cache = cache
        self._workshop = workshop
        self._clock = clock
        self._conda = conda
        self._indexes = tuple(indexes)
        self._asked: dict[str, asyncio.Lock] = {}

    def question(self, asked: Specification, packages_until: str, *, of_pypi: bool = False) -> Question:
        """Return what is to be resolved.

        Args:
            asked: what the repository asks for.
            packages_until: as in `BuildRequest`.
            of_pypi: whether PyPI is asked for what an environment.yml names, and no conda channel.

        Raises:
            BuildError: the date is none, a conda channel is not used on this cluster, or PyPI has not all of it.
        """
        said = asked.conda
        wanted, stands_in = None, None
        if said and of_pypi:
            stands_in = _granted(said.pypi)
        elif said:
            wanted = _granted(said.channels)
        return Question(
            asked,
            cut_off(asked.until if asked.until and packages_until == AS_OF_COMMIT else packages_until, asked.changed),
            python_version(self._workshop.python),
            self._indexes,
            self._clock.now().date(),
            wanted,
            [(name, self._conda.channels[name]) for name in wanted.channels] if wanted else (),
            stands_in,
        )

    async def lock(self, hub: str, question: Question) -> str:
        """Return the canonical lock, from memory where the same was asked before.

        Raises:
            BuildError: there is none, with the solver's own explanation.
        """
        kept = self._folder / "locks" / hub / question.key
        async with self._asked.setdefault(f"{hub}/{question.key}", asyncio.Lock()):
            found = await asyncio.to_thread(_kept, kept)
            if found is None:
                found = await self._resolve(question)
                await asyncio.to_thread(_keep, kept, found)
            return found

    async def debian(self, hub: str, wanted: Sequence[specification.Debian], layers: Layers) -> str:
        """Return lines of a lock for Debian packages; the same ones as long as their layer is here.

        Raises:
            BuildError: they cannot be had, with apt's explanation.
        """
        return await layers.choose(self._folder / "debian" / hub, wanted)

    async def _resolve(self, question: Question) -> str:
        chosen: list[Chosen] = []
        if question.wanted:
            until = question.until.isoformat() if question.until else ""
            chosen = await self._conda.solve(question.wanted.specs, question.wanted.channels, until)
        of_pypi = await self._of_pypi(question, chosen) if _asks_pypi(question) else ""
        try:
            return locks.canonical("".join(f"{item.package.line}\n" for item in chosen) + of_pypi)
        except StateError as error:
            raise BuildError("what was chosen is no whole environment", hint=error.message) from error

    async def _of_pypi(self, question: Question, chosen: Sequence[Chosen]) -> str:
        working = await asyncio.to_thread(self._prepare, question, chosen)
        locked = question.specification.locked
        try:
            if locked:
                pins = working / _PINS
                of_index = await self._uv(working, [*self._compile(), "--no-deps", str(pins)])
                of_kernel = await self._uv(
                    working, [*self._compile(), "--constraints", str(pins), *_until(question), str(working / _KERNEL)]
                )
                return merging.merged(locked, question.specification.paths[0], of_index, of_kernel)
            compiled = await self._uv(working, self._command(working, question, chosen))
            return wheels.left_out(standins.left_out(compiled))
        finally:
            await asyncio.to_thread(shutil.rmtree, working, ignore_errors=True)

    async def _uv(self, working: Path, command: Sequence[str]) -> str:
        try:
            done = await self._workshop.run(
                command,
                environment={
                    "HOME": str(working),
                    "UV_CACHE_DIR": str(self._cache),
                    "UV_PYTHON_DOWNLOADS": "never",
                },
                reads=[Path(uv.find_uv_bin())],
                writes=[working, self._cache],
                timeout_s=_TIMEOUT_S,
                check=False,
            )
        except CommandError as error:
            raise BuildError("choosing versions took too long", hint=error.message) from error
        if done.status:
            raise explaining.explained(done.stderr, working)
        return done.stdout

    def _prepare(self, question: Question, chosen: Sequence[Chosen]) -> Path:
        for folder in (self._folder, self._cache):
            folder.mkdir(parents=True, exist_ok=True)
            self._workshop.give(folder)
        working = Path(tempfile.mkdtemp(dir=self._folder, prefix=".resolving-"))
        for file in question.specification.files:
            path = working / specification.place(file)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_without(question.specification, file))
        for wheel in (item.wheel for item in question.own):
            shutil.copyfile(wheel.path, working / wheel.path.name, follow_symlinks=False)
        if question.specification.files:
            own = "".join(item.wheel.line(working, item.extras) for item in question.own)
            _list(working, question).write_text("".join(f"{line}\n" for line in _lines(question)) + own)
        kernel = () if question.wanted or not question.kernel else KERNEL
        (working / _KERNEL).write_text("".join(f"{name}\n" for name in kernel))
        (working / _PINS).write_text(merging.pins(question.specification.locked))
        (working / "standins").mkdir()
        (working / "conda.in").write_text(standins.write(working / "standins", chosen))
        for path in (working, *working.rglob("*")):
            self._workshop.give(path)
        return working

    def _command(self, working: Path, question: Question, chosen: Sequence[Chosen]) -> list[str]:
        sources = [working / _KERNEL]
        if question.specification.files:
            sources.append(_list(working, question))
            if question.specification.has_list:
                sources.append(working / specification.place(question.specification.files[0]))
        beside = []
        for package in (item.package for item in chosen if item.package.name == "python"):
            beside = ["--python-version", package.version, "--constraints", str(working / "conda.in")]
            beside += ["--find-links", str(working / "standins")]
        return [*self._compile(), *beside, *_until(question), *(str(source) for source in sources)]

    def _compile(self) -> list[str]:
        return [
            *(uv.find_uv_bin(), "pip", "compile", "--quiet", "--no-config", "--no-progress", "--color", "never"),
            *("--generate-hashes", "--no-annotate", "--no-header", "--no-emit-index-url", "--only-binary", ":all:"),
            *("--python", str(self._workshop.python), *index_options(self._indexes)),
        ]


def _until(question: Question) -> list[str]:
    """Return how uv is told of the date; what goes with a lock is as of the lock or newer."""
    of_kernel, until = datetime.fromisoformat(KERNEL_UNTIL), question.until
    if until and question.specification.locked:
        until = max(until, question.specification.changed or until, of_kernel)
    if not until:
        return []
    newer = [f"{name}={KERNEL_UNTIL}" for name in _OF_THE_KERNEL] if until < of_kernel else []
    return [
        *("--exclude-newer", until.strftime("%Y-%m-%dT%H:%M:%SZ")),
        *(part for item in newer for part in ("--exclude-newer-package", item)),
    ]


def _asks_pypi(question: Question) -> bool:
    said = question.specification.conda
    return said is None or bool(said.pip or question.stands_in or question.own)


def _without(asked: Specification, file: SourceFile) -> str:
    """Return a file without those lines that ask for packages of the repository itself."""
    blank = {item.number for item in asked.blank if item.path == file.path}
    # as `detect` counts them
    lines = enumerate(file.text.splitlines(keepends=True), 1)
    return "".join("\n" if number in blank else line for number, line in lines)


def _granted(way: Way | Refusal) -> Way:
    if isinstance(way, Refusal):
        raise way.error
    return way


def _list(working: Path, question: Question) -> Path:
    """Return the list of packages that is written here, beside what it includes."""
    return (working / specification.place(question.specification.files[0])).with_name(".hubfleet-pip.txt")


def _lines(question: Question) -> Sequence[str]:
    said = question.specification
    of_conda = question.stands_in.requirements if question.stands_in else ()
    return (*of_conda, *(said.conda.pip if said.conda else ()), *said.requirements)


def _kept(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None


def _keep(path: Path, lock: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, lock)
