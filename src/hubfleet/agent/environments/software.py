"""The software that servers start with: which environments are made, one at a time, and who waits for them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from hubfleet._kit.files import write_atomic
from hubfleet.agent.environments import layers, locks
from hubfleet.agent.environments.contents import Contents
from hubfleet.agent.environments.exports import Exports
from hubfleet.agent.environments.own_packages import OwnPackages
from hubfleet.agent.environments.post_build import PostBuilds
from hubfleet.agent.environments.realise import Builder
from hubfleet.agent.environments.wheels import Wheel
from hubfleet.errors import BuildError, LaunchError
from hubfleet.model.content import Content

_log = logging.getLogger(__name__)

BASE = "base"
"""What requests call the cluster's base software."""
_OF_NO_HUB = "_"
"""Whose the files are that a lock alone asks for; no hub has such a name."""
State = Literal["absent", "realising", "ready", "failed"]


@dataclass(frozen=True)
class Progress:
    """How far an environment is."""

    state: State
    detail: str = ""
    hint: str = ""


class Environments:
    """The environments of one cluster."""

    def __init__(self, builder: Builder, *, base_lock: str, contents: Contents | None = None) -> None:
        """Make it; nothing is made yet.

        Args:
            builder: makes them.
            base_lock: lock of the base software.
            contents: has the files of repositories whose `postBuild` is to be run; None: none is run.
        """
        self.builder = builder
        self._contents = contents
        self._post_builds = PostBuilds(builder)
        self.own = OwnPackages(builder)
        self._trees: dict[str, Path] = {}
        self._debian: dict[str, str] = {}
        lock = locks.canonical(base_lock)
        self.base_digest = locks.digest(lock)
        self._base_lock = lock
        self.exports = Exports(builder, base_lock=lock)
        self._progress: dict[str, Progress] = {}
        self._tasks: dict[str, asyncio.Task[Path]] = {}
        self._one_at_a_time = asyncio.Lock()

    def begin_base(self) -> None:
        """Begin to make the base software, unless it is there."""
        self._begin(self.base_digest, self._base_lock)

    async def put(self, digest: str, lock: str, *, tree: Path | None = None) -> Progress:
        """Keep a lock (canonical, of this digest) and begin to make its environment, unless it is there.

        Args:
            digest: the lock's.
            lock: canonical text.
            tree: the files of the repository whose `postBuild` the lock names; None: they are fetched without a token.
        """
        if tree is not None:
            self._trees[digest] = tree
        path = self._lock_file(digest)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        await asyncio.to_thread(write_atomic, path, lock)
        if self._ready(digest):
            # whoever sends it wants it to stay
            self.builder.use(digest)
        self._begin(digest, lock)
        return self.progress(digest)

    async def prefix(self, environment: str, progress: Callable[[str], Awaitable[None]]) -> Path:
        """Return where an environment is, once it is made.

        Raises:
            LaunchError: it is not known here, or cannot be made.
        """
        digest = self.base_digest if environment == BASE else environment
        if await asyncio.to_thread(self._ready, digest):
            return self.builder.use(digest)
        lock = self._base_lock if digest == self.base_digest else await asyncio.to_thread(self._known_lock, digest)
        task = self._begin(digest, lock)
        told = ""
        while not task.done():
            detail = self.progress(digest).detail
            if detail != told:
                told = detail
                await progress(f"preparing software: {detail}")
            await asyncio.wait([task], timeout=0.5)
        return task.result()

    def progress(self, environment: str) -> Progress:
        """Return how far an environment is."""
        digest = self.base_digest if environment == BASE else environment
        if self._ready(digest):
            return Progress("ready")
        return self._progress.get(digest, Progress("absent"))

    def ready(self) -> list[str]:
        """Return the digests of all environments that are complete here."""
        known = {self.base_digest, *(path.stem for path in self._lock_file("x").parent.glob("*.txt"))}
        return sorted(digest for digest in known if self._ready(digest))

    def layer(self, environment: str) -> Path | None:
        """Return what lies over the system for an environment that is made; None: nothing. Blocks."""
        lines = self._of_debian(environment)
        return self.builder.layers.use(lines) if lines else None

    def layer_digest(self, environment: str) -> str:
        """Return by what this is known; empty: there is none. Blocks."""
        lines = self._of_debian(environment)
        return layers.digest(lines) if lines else ""

    async def close(self) -> None:
        """End what is being made; it begins again from nothing."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _begin(self, digest: str, lock: str) -> "asyncio.Task[Path]":
        task = self._tasks.get(digest)
        if task is None or task.done():
            task = asyncio.create_task(self._make(digest, lock), name=f"environment {digest[:12]}")
            # whoever waits for it reads its error; without anybody it is in the log and in the progress
            task.add_done_callback(lambda done: None if done.cancelled() else done.exception())
            self._tasks[digest] = task
        return task

    async def _make(self, digest: str, lock: str) -> Path:
        async def say(detail: str) -> None:
            self._progress[digest] = Progress("realising", detail)

        if not self._ready(digest):
            await say("waiting for another environment")
        try:
            await self._make_layer(lock, say)
            plain = lock if self.builder.ready(digest) else locks.without_post_build(lock)
            wheels = () if self.builder.ready(locks.digest(plain)) else await self._wheels(plain, say)
            async with self._one_at_a_time:
                path = await self.builder.make(locks.digest(plain), plain, say, wheels=wheels)
            if plain != lock:
                path = await self._after(digest, lock, say)
        except LaunchError as error:
            _log.error("environment %s: %s (%s)", digest[:12], error, error.hint)
            self._progress[digest] = Progress("failed", error.message, error.hint)
            raise
        self._progress.pop(digest, None)
        return path

    async def _make_layer(self, lock: str, say: Callable[[str], Awaitable[None]]) -> None:
        lines = locks.debian(lock)
        if lines:
            async with self._one_at_a_time:
                await self.builder.layers.make(lines, say)

    def _ready(self, digest: str) -> bool:
        """Say whether an environment is complete, with what lies over the system for it; blocks."""
        lines = self._of_debian(digest)
        return self.builder.ready(digest) and (not lines or self.builder.layers.ready(lines))

    def _of_debian(self, digest: str) -> str:
        """Return the lines of Debian in the lock of an environment; blocks."""
        if digest in {BASE, self.base_digest}:
            return ""
        if digest not in self._debian:
            try:
                self._debian[digest] = locks.debian(self._lock_file(digest).read_text())
            except OSError:
                return ""
        return self._debian[digest]

    async def _after(self, digest: str, lock: str, say: Callable[[str], Awaitable[None]]) -> Path:
        """Make an environment with what a repository's `postBuild` does to it."""
        tree, wanted = self._trees.get(digest), locks.post_build(lock)
        if self._contents is None or wanted is None:
            raise LaunchError("a postBuild cannot be run on this cluster")
        if tree is None or not tree.is_dir():
            tree = await self._fetched(wanted.repository, wanted.commit, "its postBuild", say)
        async with self._one_at_a_time:
            base = await self.builder.make(self.base_digest, self._base_lock, say)
        path = await self._post_builds.make(digest, lock, tree, base, say)
        self._trees.pop(digest, None)
        return path

    async def tools(self, lock: str, say: Callable[[str], Awaitable[None]]) -> Path:
        """Make the environment that builds packages, unless it is there.

        Raises:
            LaunchError: it cannot be made.
        """
        await self._make_layer(lock, say)
        async with self._one_at_a_time:
            await self.builder.make(locks.digest(lock), lock, say)
        return self.builder.use(locks.digest(lock))

    async def _wheels(self, lock: str, say: Callable[[str], Awaitable[None]]) -> list[Wheel]:
        """Return the wheels of a lock's own packages, built anew where they are not here."""
        tools, found = locks.tools(lock), []
        for own in locks.own(lock):
            wheel = await asyncio.to_thread(self.own.kept, own, tools)
            if wheel is None:
                tree = await self._fetched(own.repository, own.commit, "its own package", say)
                await self.tools(tools, say)
                recipe = await self.own.recipe(tree, own, "its lock")
                wheel = await self.own.build(own, recipe, tools, tree, say)
            found.append(wheel)
        return found

    async def _fetched(self, repository: str, commit: str, what: str, say: Callable[[str], Awaitable[None]]) -> Path:
        """Fetch a repository's files, which a lock names, without a token."""
        if self._contents is None:
            raise LaunchError(f"the files for {what} cannot be had on this cluster")
        await say("fetching the repository's files")
        try:
            content = Content(repository=repository, commit=commit)
            return await self._contents.fetch(_OF_NO_HUB, content, ref=commit, token="", say=_log.debug)
        except (BuildError, ValueError) as error:
            said = error.message if isinstance(error, BuildError) else "its address is none"
            raise LaunchError(
                f"the files for {what} cannot be had: {said}",
                hint="build the repository on this cluster, with its token where it is private",
            ) from error

    def _known_lock(self, digest: str) -> str:
        try:
            return self._lock_file(digest).read_text()
        except OSError:
            raise LaunchError(
                "this environment is not known on this cluster", hint="open its link again, so that it is built here"
            ) from None

    def _lock_file(self, digest: str) -> Path:
        return self.builder.folder.parent / "locks" / f"{digest}.txt"


def packaged_base_lock() -> str:
    """Return the lock of the base software that comes with hubfleet."""
    return files("hubfleet.agent.environments").joinpath("base.lock").read_text()
