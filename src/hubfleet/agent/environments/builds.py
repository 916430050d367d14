"""Builds: from a repository to an environment that is ready, each step told to whoever watches.

A build is kept in memory only. What it has found lasts elsewhere (history, locks, environments), so that the same
build asked for again after a crash of the agent costs what was not done yet.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from functools import partial
from posixpath import basename

from hubfleet._kit.clock import Clock
from hubfleet.agent.bell import Bell
from hubfleet.agent.environments import choosing, detect, locks
from hubfleet.agent.environments.contents import Contents
from hubfleet.agent.environments.owning import Owning, Source
from hubfleet.agent.environments.reader import Reader
from hubfleet.agent.environments.realised import Realised
from hubfleet.agent.environments.repositories import Repositories
from hubfleet.agent.environments.resolve import Resolver
from hubfleet.agent.environments.software import Environments
from hubfleet.agent.environments.specification import REQUIREMENTS, SourceFile, Specification
from hubfleet.agent.refusals import ConflictError, FullError, NotFoundError
from hubfleet.errors import BuildError, HubfleetError
from hubfleet.model.content import Content
from hubfleet.protocol.builds import Build, BuildEvent, BuildRequest, BuildState

_log = logging.getLogger(__name__)

AT_ONCE = 3
"""Builds that fetch and resolve at the same time; environments are then made one by one."""
WAITING_MAX = 200
KEPT_MAX = 1000
"""Builds that are over and still known."""


@dataclass
class _Run:
    """One build while the agent knows it."""

    build: Build
    request: BuildRequest
    bell: Bell = field(default_factory=Bell)
    events: list[BuildEvent] = field(default_factory=list)
    task: "asyncio.Task[None] | None" = None
    post_build: SourceFile | None = None
    """What runs on the packages, where the repository has it."""
    no_files: str = ""
    """Why its files cannot be had, once that is known."""
    code: str = ""
    """The newest commit that touched anything but notebooks."""
    ref: str = ""
    """Whole name of the branch or tag that was asked for, else the commit."""
    way: str = ""
    """What is to be said of the way by which conda packages were had."""


class Builds:
    """All builds of one agent."""

    def __init__(
        self,
        *,
        repositories: Repositories,
        reader: Reader,
        contents: Contents,
        resolver: Resolver,
        environments: Environments,
        clock: Clock,
    ) -> None:
        """Make it.

        Args:
            repositories: for commits and their files.
            reader: for what these ask for.
            contents: for the files that servers get copies of.
            resolver: for locks.
            environments: for what is made of them.
            clock: for events.
        """
        self.repositories = repositories
        self._reader = reader
        self.contents = contents
        self._resolver = resolver
        self._environments = environments
        self._clock = clock
        self._runs: dict[str, _Run] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    def start(self, build: str, request: BuildRequest) -> Build:
        """Begin a build, or return the one that has this id.

        Raises:
            ConflictError: that one is of something else.
            FullError: too many wait.
        """
        run = self._runs.get(build)
        if run is not None:
            # the hub's file may have changed since
            if run.request.model_copy(update={"token": request.token, "conda": request.conda}) != request:
                raise ConflictError("another build has this id")
            return run.build
        if sum(not run.build.state.over for run in self._runs.values()) >= WAITING_MAX:
            raise FullError("too many builds wait already", retry_after_s=30, hint="try again in a minute")
        self._forget_old()
        run = _Run(
            Build(
                id=build,
                hub=request.hub,
                repository=request.repository,
                ref=request.ref,
                state=BuildState.QUEUED,
            ),
            request,
        )
        self._runs[build] = run
        self._say(run, "waiting for its turn")
        run.task = asyncio.create_task(self._carry_out(run), name=f"build {build}")
        return run.build

    def get(self, build: str, *, hub: str | None) -> Build:
        """Return one build.

        Raises:
            NotFoundError: there is none, or it is another hub's.
        """
        return self._run(build, hub).build

    def stop(self, build: str, *, hub: str | None) -> Build:
        """End a build; what it has found so far is of use to the next one."""
        run = self._run(build, hub)
        if not run.build.state.over and run.task is not None:
            self._change(run, BuildState.STOPPED, "it was stopped")
            run.task.cancel()
        return run.build

    async def events(
        self, build: str, *, hub: str | None, since: int, keep_alive_s: float
    ) -> AsyncIterator[BuildEvent | None]:
        """Yield a build's events after a number as they come, None where nothing came for a while; ends with it."""
        run = self._run(build, hub)
        while not run.bell.closed:
            mark, over = run.bell.mark, run.build.state.over
            found = run.events[since:]
            for event in found:
                since = event.seq
                yield event
            if over:
                return
            if not found:
                await run.bell.wait(mark, timeout_s=keep_alive_s)
                if run.bell.mark == mark:
                    yield None

    async def close(self) -> None:
        """End all builds; they are asked for again."""
        tasks = [run.task for run in self._runs.values() if run.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for run in self._runs.values():
            run.bell.close()

    async def _carry_out(self, run: _Run) -> None:
        try:
            async with self._slots:
                specification = await self._fetch(run)
                files = asyncio.create_task(self._fetch_files(run), name=f"files of build {run.build.id}")
                try:
                    lock = await self._resolve(run, specification, files)
                except BaseException:
                    files.cancel()
                    raise
            if run.request.only:
                files.cancel()
                self._change(run, BuildState.READY, "; ".join(filter(None, ("versions are chosen", run.way))))
            else:
                await self._realise(run, lock, files)
        except BuildError as error:
            self._fail(run, error)
        except HubfleetError as error:
            _log.error("build %s: %s (%s)", run.build.id, error, error.hint)
            self._fail(run, error)

    async def _fetch(self, run: _Run) -> Specification:
        request = run.request
        self._change(run, BuildState.FETCHING, f"fetching {request.repository}")
        fetched = await self.repositories.fetch(
            request.hub,
            request.repository,
            request.ref,
            names=detect.NAMES,
            token=request.token.get_secret_value(),
            say=lambda text: self._say(run, text),
        )
        run.build = run.build.model_copy(update={"commit": fetched.commit})
        run.code, run.ref = fetched.code or fetched.commit, fetched.ref or fetched.commit
        specification = await self._reader.read(fetched)
        run.post_build = next((file for file in fetched.files if basename(file.path) == detect.POST_BUILD), None)
        paths = [*specification.paths, *([run.post_build.path] if run.post_build else [])]
        run.build = run.build.model_copy(update={"files": paths})
        if paths:
            self._say(run, f"at commit {fetched.commit[:10]}: {', '.join(paths)}")
        if run.post_build and not specification.files:
            # it needs a Python: the one that asks for nothing, as of when it was written
            nothing = SourceFile(REQUIREMENTS, "", run.post_build.changed)
            return Specification((nothing,))
        return specification

    async def _resolve(self, run: _Run, specification: Specification, files: "asyncio.Task[None]") -> str:
        """Return the lock; empty: the repository asks for nothing, and the hub's own software serves it."""
        if not specification.files:
            return ""
        self._change(run, BuildState.RESOLVING, "choosing versions")
        layers, say = self._environments.builder.layers, partial(self._say, run)
        debian = await choosing.debian(self._resolver, layers, specification, run.request, say)
        owning = replace(await self._owning(run, files), debian=debian) if specification.own else None
        answer = await choosing.answer(self._resolver, specification, run.request, say, owning)
        lock, until = locks.canonical(answer.lock + debian), answer.question.until
        if run.post_build:
            lock = locks.with_post_build(lock, locks.PostBuild(run.request.repository, run.build.commit))
        run.build = run.build.model_copy(
            update={
                "lock": lock,
                "digest": locks.digest(lock),
                "packages_until": until.isoformat() if until else "",
            }
        )
        run.way = answer.way
        return lock

    async def _owning(self, run: _Run, files: "asyncio.Task[None]") -> Owning:
        """Return what builds the repository's own packages, once its files are there."""
        await files
        content, request = run.build.content, run.request
        if content is None:
            raise BuildError("its own package cannot be built without the repository's files", hint=run.no_files)

        source = await Source.of_build(self.contents, request, content, run.code)
        return Owning(self._resolver, self._environments, request.hub, source, partial(self._tell, run))

    async def _fetch_files(self, run: _Run) -> None:
        """Fetch what a server gets a copy of; without it there still is an environment."""
        request, token = run.request, run.request.token.get_secret_value()
        content = Content(repository=request.repository, commit=run.build.commit, key=run.build.id if token else "")
        try:
            await self.contents.fetch(
                request.hub, content, ref=run.ref, token=token, say=lambda text: self._say(run, text)
            )
        except BuildError as error:
            run.no_files = f"{error.message}{f' ({error.hint})' * bool(error.hint)}"
            self._say(run, f"servers get no copy of the files: {run.no_files}")
        else:
            run.build = run.build.model_copy(update={"content": content})

    async def _realise(self, run: _Run, lock: str, files: "asyncio.Task[None]") -> None:
        try:
            if run.post_build:
                await files
            if lock:
                await self._make(run, lock)
            await files
        finally:
            files.cancel()
        if lock:
            self._change(run, BuildState.READY, "; ".join(filter(None, ("the environment is ready", run.way))))
        else:
            run.build = run.build.model_copy(update={"digest": self._environments.base_digest})
            self._change(run, BuildState.READY, "the repository names no packages: the hub's own software is used")

    async def _make(self, run: _Run, lock: str) -> None:
        self._change(run, BuildState.REALISING, "preparing the environment")

        tree = None
        if run.post_build:
            if run.build.content is None:
                raise BuildError(
                    f"{run.post_build.path} cannot be run without the repository's files", hint=run.no_files
                )
            tree = await self.contents.tree(run.request.hub, run.build.content)
        await self._environments.put(run.build.digest, lock, tree=tree)
        made = await asyncio.to_thread(
            Realised.at, await self._environments.prefix(run.build.digest, partial(self._tell, run))
        )
        of_debian = await asyncio.to_thread(self._environments.builder.layers.note, locks.debian(lock))
        run.way = "; ".join(filter(None, (run.way, made.note, of_debian)))

    def _fail(self, run: _Run, error: HubfleetError) -> None:
        self._change(run, BuildState.FAILED, error.message, hint=error.hint)

    def _change(self, run: _Run, state: BuildState, message: str, *, hint: str = "") -> None:
        run.build = run.build.model_copy(update={"state": state, "hint": hint})
        self._say(run, message)

    def _say(self, run: _Run, message: str) -> None:
        seq = len(run.events) + 1
        run.build = run.build.model_copy(update={"message": message, "seq": seq})
        run.events.append(BuildEvent(seq=seq, at=self._clock.now(), state=run.build.state, message=message))
        run.bell.ring()

    async def _tell(self, run: _Run, message: str) -> None:
        self._say(run, message)

    def _run(self, build: str, hub: str | None) -> _Run:
        run = self._runs.get(build)
        if run is None or hub not in {None, run.build.hub}:
            raise NotFoundError("build")
        return run

    def _forget_old(self) -> None:
        over = [name for name, run in self._runs.items() if run.build.state.over]
        for name in over[: max(0, len(over) - KEPT_MAX)]:
            del self._runs[name]
