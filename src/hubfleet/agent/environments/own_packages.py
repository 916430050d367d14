"""Packages that repositories are themselves: built without a network on private copies, and kept as wheels.

What builds a package is an environment like any other, made of wheels of the package index. The build sees it, a copy
of the repository's files as its home, and nothing else. Its wheel is data: it is put into environments by unpacking.
"""

import asyncio
import hashlib
import json
import os
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import StringConstraints, TypeAdapter, ValidationError

from hubfleet._kit.files import write_atomic
from hubfleet.agent.environments import building, locks, programs
from hubfleet.agent.environments.confined import (
    COPY_S,
    ENTRIES_MAX,
    Confined,
    Limits,
    Task,
    asked_for_the_network,
    last_words,
    remove,
)
from hubfleet.agent.environments.realise import Builder, architecture, python_version
from hubfleet.agent.environments.specification import Refusal
from hubfleet.agent.environments.wheels import Wheel
from hubfleet.agent.launchers.sandbox import HOME
from hubfleet.errors import CommandError, LaunchError

AT_ONCE = 2
FACTS = "facts.json"
"""Beside each wheel; its time is that of its last use."""
_MORE = "more.json"
_PROGRAM = "/run/hubfleet/building.py"
_TIMEOUT_S = 300.0
_COPIED = 'cp -a --reflink=auto "$1/." "$2"'
_COMPILER = re.compile(
    r"command '(?P<plain>[\w+./-]+)' failed: No such file|unable to execute '(?P<old>[\w+./-]+)'|"
    r"Unknown compiler\(s\): \[\[?'(?P<meson>[\w+./-]+)'|No (?P<cmake>CMAKE_\w+)_COMPILER could be found|"
    r"can't find (?P<rust>Rust) compiler|(?P<fortran>[Nn]o Fortran compiler)|"
    r"\[Errno 2\] No such file or directory: '(?P<missing>g?cc|[gc]\+\+|gfortran|cargo|rustc|clang|make|cmake|ninja)'"
)
_HEADER = re.compile(r"fatal error: (?P<header>[\w./+-]+): No such file or directory")

Say = Callable[[str], Awaitable[None]]


@dataclass(frozen=True)
class Recipe:
    """How a package is built."""

    file: str
    """Which of the repository's files says so."""
    requires: tuple[str, ...]
    backend: str
    backend_path: tuple[str, ...]
    version: str
    """What it says that its version is, which git's tags would say otherwise; empty: nothing."""


@dataclass(frozen=True)
class _Taken:
    wheel: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.+!-]{1,200}\.whl$")]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,200}[A-Za-z0-9])?$")]
    version: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.+!]{1,100}$")]


@dataclass(frozen=True)
class _Asked:
    requires: tuple[str, ...]


@dataclass(frozen=True)
class OwnPackages:
    """Builds such packages on this machine."""

    builder: Builder
    limits: Limits = field(default_factory=Limits)
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _one_at_a_time: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def recipe(self, tree: Path, own: locks.Own, where: str) -> Recipe:
        """Read how a package is built.

        Args:
            tree: the repository's files.
            own: which package.
            where: what asks for it, in errors.

        Raises:
            LaunchError: it cannot be built; names the file.
        """
        told = {"do": "recipe", "tree": str(tree), "folder": own.folder, "where": where}
        return TypeAdapter(Recipe).validate_python(await self._inspect(told, reads=[tree]))

    async def more(self, own: locks.Own, recipe: Recipe, tools: str, tree: Path) -> tuple[str, ...]:
        """Return what the backend asks for besides, once it is there.

        Args:
            own: which package.
            recipe: how it is built.
            tools: lock of the environment that has the backend, and is made.
            tree: the repository's files.

        Raises:
            LaunchError: its code fails, with what it said at last.
        """
        kept = self._place(own, tools) / _MORE
        with suppress(OSError, ValueError):
            return TypeAdapter(_Asked).validate_json(await asyncio.to_thread(kept.read_bytes)).requires
        with ExitStack() as held:
            working = await self._working(held)
            try:
                await self._call(working, own, recipe, tools, tree, wheel=False)
                out = {"from": str(working / "out" / building.ANSWER), "file": recipe.file}
                told = await self._inspect({"do": "asked", **out}, reads=[working / "out"])
            finally:
                await asyncio.to_thread(remove, working)
        return TypeAdapter(_Asked).validate_python(told).requires

    def remember_more(self, own: locks.Own, tools: str, requires: Sequence[str]) -> None:
        """Note what `more` said, once the package is built by it; blocks."""
        place = self._place(own, tools)
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomic(place / _MORE, json.dumps({"requires": list(requires)}))

    def kept(self, own: locks.Own, tools: str) -> Wheel | None:
        """Return the wheel that was built of a package by these tools before; None: there is none. Blocks."""
        place = self._place(own, tools)
        try:
            taken = TypeAdapter(_Taken).validate_json((place / FACTS).read_bytes())
            os.utime(place / FACTS)
        except (OSError, ValidationError):
            return None
        return Wheel(place / taken.wheel, taken.name, taken.version, taken.sha256)

    async def build(self, own: locks.Own, recipe: Recipe, tools: str, tree: Path, say: Say) -> Wheel:
        """Return the wheel of a package, built unless it is there.

        Args:
            own: which package.
            recipe: how it is built.
            tools: lock of the environment that builds it, and is made.
            tree: the repository's files at the commit that `own` names.
            say: gets each step's name.

        Raises:
            LaunchError: it failed, with what it said at last.
        """
        place = self._place(own, tools)
        async with self._one_at_a_time.setdefault(place.name, asyncio.Lock()), self.turns:
            found = await asyncio.to_thread(self.kept, own, tools)
            if found is None:
                await say(f"building the package of {recipe.file}")
                await self._build(own, recipe, tools, tree)
                found = await asyncio.to_thread(self.kept, own, tools)
        assert found is not None
        return found

    async def _build(self, own: locks.Own, recipe: Recipe, tools: str, tree: Path) -> None:
        with ExitStack() as held:
            working = await self._working(held)
            try:
                await self._call(working, own, recipe, tools, tree, wheel=True)
                told = {"do": "wheel", "from": str(working / "out"), "to": str(working / "result")}
                bounds = {"max_bytes": self.limits.disk_bytes, "max_entries": ENTRIES_MAX}
                said = await self._inspect(
                    {**told, **bounds, "file": recipe.file}, reads=[working / "out"], writes=[working / "result"]
                )
                taken = TypeAdapter(_Taken).validate_python(said)
                await asyncio.to_thread(self._complete, working / "result", self._place(own, tools), taken)
            finally:
                await asyncio.to_thread(remove, working)

    async def _working(self, held: ExitStack) -> Path:
        confined = Confined(self.builder.workshop, self.builder.folder.parent / "own-packages", self.limits)
        return await asyncio.to_thread(confined.prepare, held, ("out", "result"))

    async def _call(
        self, working: Path, own: locks.Own, recipe: Recipe, tools: str, tree: Path, *, wheel: bool
    ) -> None:
        """Run a hook of the backend."""
        if self.builder.workshop.bwrap is None:
            raise LaunchError("a repository's package cannot be built on this cluster: it has no sandbox for it")
        environment, out = self.builder.use(locks.digest(tools)), Path("/run/hubfleet/out")
        confined = Confined(self.builder.with_layer(tools), working.parent, self.limits)
        name = f"the build of {recipe.file}"
        task = Task(
            name,
            [str(environment / "bin" / "python"), "-I", _PROGRAM],
            path=f"{environment}/bin:/usr/local/bin:/usr/bin:/bin",
            directory=Path(HOME) / own.folder,
            variables=_versions(recipe.version or f"0.1.dev0+g{own.commit[:10]}"),
            reads=[environment],
            places={out: working / "out"},
            texts={_PROGRAM: files("hubfleet.agent.environments").joinpath("building.py").read_text()},
            stdin=json.dumps(
                {"backend": recipe.backend, "backend_path": recipe.backend_path, "to": str(out), "wheel": wheel}
            ),
        )
        try:
            await self.builder.workshop.run(
                ["/bin/sh", "-c", _COPIED, "sh", str(tree), str(working / "home")],
                environment={},
                reads=[tree],
                writes=[working / "home"],
                network=False,
                timeout_s=COPY_S,
            )
            done = await confined.run(working, task)
        except CommandError as error:
            raise LaunchError(f"{name} cannot begin: {error.message}", hint=error.hint) from error
        if done.status:
            hint = last_words(done)
            raise LaunchError(_why(recipe.file, done.stdout, done.status, away=asked_for_the_network(done)), hint=hint)

    async def _inspect(
        self, told: Mapping[str, object], *, reads: Sequence[Path], writes: Sequence[Path] = ()
    ) -> Mapping[str, object]:
        if self.builder.workshop.bwrap is None:
            raise LaunchError("a repository's package cannot be built on this cluster: it has no sandbox for it")
        try:
            done = await programs.run(
                self.builder.workshop, "inspecting", told, reads=reads, writes=writes, timeout_s=_TIMEOUT_S
            )
        except CommandError as error:
            raise LaunchError("reading how the package is built took too long", hint=error.message) from error
        if done.status:
            raise LaunchError("what the package's build says cannot be read", hint=programs.last_line(done))
        said = json.loads(done.stdout)
        if "refused" in said:
            refusal = TypeAdapter(Refusal).validate_python(said["refused"])
            raise LaunchError(refusal.message, hint=refusal.hint)
        return dict(said)

    def _place(self, own: locks.Own, tools: str) -> Path:
        """Return where a package's wheel is, or will be, if it is built by these tools."""
        told = "\0".join((own.line, tools, python_version(self.builder.workshop.python), architecture()))
        return self.builder.wheels / hashlib.sha256(told.encode()).hexdigest()[:40]

    def _complete(self, result: Path, place: Path, taken: _Taken) -> None:
        write_atomic(result / FACTS, json.dumps({key: getattr(taken, key) for key in _Taken.__annotations__}))
        if self.builder.workshop.uid is not None:
            os.chown(result, 0, 0)
        # it may be of a private repository
        result.chmod(0o700)
        os.sync()
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if place.exists():
            # a note of `more`, or what was never complete
            remove(place)
        result.rename(place)


def _versions(version: str) -> dict[str, str]:
    """Return what tells tools that ask git for tags which version it is: there are none in the files' copy."""
    return {
        # https://setuptools-scm.readthedocs.io/en/stable/overrides/; hatch-vcs asks it too
        "SETUPTOOLS_SCM_PRETEND_VERSION": version,
        "PBR_VERSION": version.partition("+")[0],
        "PDM_BUILD_SCM_VERSION": version,
        "POETRY_DYNAMIC_VERSIONING_BYPASS": version,
        # files in the wheel are as old as its form allows, so that the same files make the same wheel
        "SOURCE_DATE_EPOCH": "315532800",
    }


def _why(file: str, said: str, status: int, *, away: bool) -> str:
    """Return why a build failed, in one line."""
    compiler, header = _COMPILER.search(said), _HEADER.search(said)
    if compiler:
        needs = next(name for name in compiler.groups() if name)
        return f"{file} cannot be built: it needs a compiler ({needs}), which this cluster does not have"
    if header:
        return f"{file} cannot be built: it needs the file {header['header']}, which this cluster does not have"
    if away:
        return f"{file} cannot be built: it tried to reach the network, which it does not see"
    return f"{file} cannot be built: its build ended with status {status}"
