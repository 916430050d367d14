"""What builds ask of a cluster's agent; `AgentClient` does it over HTTP."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from hubfleet.protocol.builds import Build, BuildEvent, BuildRequest
from hubfleet.protocol.exports import Export, ExportRequest
from hubfleet.protocol.files import GivenAnswer, GivenFiles, HomeArchive, HomeFolder, Texts, TextsRequest
from hubfleet.protocol.messages import EnvironmentState


class BuildAgent(Protocol):
    """One cluster's agent, as far as builds and environments go; its errors are children of `ProtocolError`."""

    async def start_build(self, build: str, request: BuildRequest) -> Build:
        """Begin a build, or find the one that this id had already."""

    async def build(self, build: str) -> Build:
        """Return one build, with its lock."""

    async def stop_build(self, build: str) -> Build:
        """End a build; nothing of it is left."""

    def build_events(self, build: str, *, since: int = 0) -> AsyncIterator[BuildEvent]:
        """Yield a build's events after a number as they come; ends after the last one."""

    async def put_environment(self, digest: str, lock: str) -> EnvironmentState:
        """Let the cluster make an environment of a lock that was resolved elsewhere; answers at once."""

    async def put_files(self, files: GivenFiles, archive: bytes) -> GivenAnswer:
        """Hand over a zip archive as the files of an address."""

    async def texts(self, asked: TextsRequest) -> Texts:
        """Return what some files of a repository say."""

    async def home_archive(self, asked: HomeFolder) -> HomeArchive:
        """Return an archive of a folder in somebody's home."""

    async def export(self, asked: ExportRequest) -> Export:
        """Return an environment as files that other tools read."""


@asynccontextmanager
async def following(agent: BuildAgent, build: str, *, since: int) -> AsyncIterator[AsyncIterator[BuildEvent]]:
    """Open a build's events for the length of a block, and let their connection go at its end."""
    events = agent.build_events(build, since=since)
    try:
        yield events
    finally:
        if isinstance(events, AsyncGenerator):
            await events.aclose()
