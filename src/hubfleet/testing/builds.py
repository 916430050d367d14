"""An agent that only pretends to build, for tests of what stands before it: a test says what happens."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from hubfleet.errors import RefusedError, UnreachableError
from hubfleet.protocol.builds import Build, BuildEvent, BuildRequest, BuildState
from hubfleet.protocol.exports import Export, ExportRequest
from hubfleet.protocol.files import GivenAnswer, GivenFiles, HomeArchive, HomeFolder, Texts, TextsRequest
from hubfleet.protocol.messages import EnvironmentState

AT = datetime(2026, 1, 1, tzinfo=UTC)
LOCK = "numpy==2.3.0 --hash=sha256:" + "0" * 64 + "\n"
DIGEST = hashlib.sha256(LOCK.encode()).hexdigest()


class FakeBuildAgent:
    """Keeps what it is asked, and goes on only when a test calls `step`."""

    def __init__(self) -> None:
        """Make an agent without builds."""
        self.calls: list[tuple[str, str]] = []
        """Method and id of each call, in order."""
        self.requests: dict[str, BuildRequest] = {}
        """The first request of each build."""
        self.followed: list[tuple[str, int]] = []
        """Each build whose events were asked for, and after which number."""
        self.locks: dict[str, str] = {}
        """Environments that were sent, by digest."""
        self.files: dict[str, bytes] = {}
        """Archives that were handed over, by address."""
        self.said: dict[str, str] = {}
        """What each file of each repository says, by its path."""
        self.asked: list[TextsRequest] = []
        """What was asked of them."""
        self.homes: dict[tuple[str, str], HomeArchive] = {}
        """Folders in homes, by person and path."""
        self.reachable = True
        self.refusal: RefusedError | None = None
        """What `start_build` raises."""
        self._builds: dict[str, Build] = {}
        self._events: dict[str, list[BuildEvent]] = {}
        self._changed = asyncio.Event()
        self._breaks = 0

    def step(self, build: str, state: BuildState, message: str = "", **facts: object) -> None:
        """Let a build go on; `facts` are further fields of it, such as `commit`."""
        events = self._events[build]
        events.append(BuildEvent(seq=len(events) + 1, at=AT, state=state, message=message))
        told = {"state": state, "message": message, "seq": len(events), **facts}
        self._builds[build] = self._builds[build].model_copy(update=told)
        self._wake()

    def finish(self, build: str, lock: str = LOCK) -> str:
        """Let a build end well; return the digest."""
        digest = hashlib.sha256(lock.encode()).hexdigest()
        facts = {"digest": digest, "lock": lock, "commit": "c0ffee" * 6 + "c0ff", "files": ["requirements.txt"]}
        self.step(build, BuildState.READY, "ready", packages_until="2026-01-01", **facts)
        return digest

    def break_streams(self) -> None:
        """Break all event streams, as a restart does."""
        self._breaks += 1
        self._wake()

    def forget(self, build: str) -> None:
        """Lose a build, as an agent with a new store does."""
        del self._builds[build], self._events[build]
        self.break_streams()

    async def start_build(self, build: str, request: BuildRequest) -> Build:
        """Begin a build, or find it."""
        self._called("start_build", build)
        if self.refusal is not None:
            raise self.refusal
        if build not in self._builds:
            self.requests.setdefault(build, request)
            self._events[build] = []
            self._builds[build] = Build(
                id=build, hub=request.hub, repository=request.repository, ref=request.ref, state=BuildState.QUEUED
            )
        return self._builds[build]

    async def build(self, build: str) -> Build:
        """Return one build."""
        self._called("build", build)
        return self._found(build)

    async def stop_build(self, build: str) -> Build:
        """End a build; one that is over stays as it is."""
        self._called("stop_build", build)
        if not self._found(build).state.over:
            self.step(build, BuildState.STOPPED, "stopped")
        return self._builds[build]

    async def build_events(self, build: str, *, since: int = 0) -> AsyncIterator[BuildEvent]:
        """Yield events as they come."""
        self._called("build_events", build)
        self.followed.append((build, since))
        breaks = self._breaks
        self._found(build)
        while True:
            changed = self._changed
            while coming := self._events.get(build, [])[since : since + 1]:
                since += 1
                yield coming[0]
            if self._breaks != breaks:
                raise UnreachableError("the connection broke")
            if self._builds[build].state.over:
                return
            await changed.wait()

    async def put_environment(self, digest: str, lock: str) -> EnvironmentState:
        """Take a lock."""
        self._called("put_environment", digest)
        self.locks[digest] = lock
        return EnvironmentState(digest=digest, state="realising")

    async def put_files(self, files: GivenFiles, archive: bytes) -> GivenAnswer:
        """Take an archive."""
        self._called("put_files", files.repository)
        if self.refusal is not None:
            raise self.refusal
        self.files[files.repository] = archive
        return GivenAnswer(commit="f" * 40)

    async def texts(self, asked: TextsRequest) -> Texts:
        """Answer with those of `said`."""
        self._called("texts", asked.content.repository)
        self.asked.append(asked)
        if self.refusal is not None:
            raise self.refusal
        return Texts(files={path: self.said[path] for path in asked.paths if path in self.said})

    async def home_archive(self, asked: HomeFolder) -> HomeArchive:
        """Return one of `homes`."""
        self._called("home_archive", f"{asked.person}:{asked.path}")
        if self.refusal is not None:
            raise self.refusal
        if (asked.person, asked.path) not in self.homes:
            raise RefusedError(f"there is no folder {asked.path!r} in your home", status=422)
        return self.homes[asked.person, asked.path]

    async def export(self, asked: ExportRequest) -> Export:
        """Answer with what was asked."""
        self._called("export", asked.format)
        if self.refusal is not None:
            raise self.refusal
        return Export(files={asked.format: asked.model_dump_json()})

    def _called(self, method: str, subject: str) -> None:
        self.calls.append((method, subject))
        if not self.reachable:
            raise UnreachableError("the agent does not answer")

    def _found(self, build: str) -> Build:
        if build not in self._builds:
            raise RefusedError("there is no such build", status=404)
        return self._builds[build]

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
