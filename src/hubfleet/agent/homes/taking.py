"""Archives of folders in homes: made in a sandbox as the person, who sees nothing there but the home, read-only."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError

from hubfleet.agent.environments import programs
from hubfleet.agent.environments.workshop import Workshop
from hubfleet.agent.refusals import CeilingError, ConflictError
from hubfleet.agent.store import Store
from hubfleet.errors import CommandError, RefusedError
from hubfleet.model.settings.agent import AgentSettings
from hubfleet.protocol.files import MAX_ARCHIVE_BYTES, MAX_FILES, MAX_UNPACKED_BYTES, HomeArchive, HomeFolder

_TIMEOUT_S = 60.0
_AT_ONCE = 2
_Line = Annotated[str, Field(max_length=2000)]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    archive: Annotated[Base64Bytes, Field(max_length=MAX_ARCHIVE_BYTES + 1)] = b""
    count: int = 0
    left_out: Annotated[list[_Line], Field(max_length=30)] = []
    refused: _Line = ""


class Taking:
    """Takes folders out of the homes of one agent; the person's servers may run meanwhile or not."""

    def __init__(self, settings: AgentSettings, store: Store, workshop: Workshop) -> None:
        """Make it.

        Args:
            settings: of the agent.
            store: knows homes and user ids.
            workshop: has a sandbox.
        """
        self._settings = settings
        self._store = store
        # what the agent reaches the network by is nothing for a person
        self._workshop = replace(workshop, variables={})
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._at_it: set[tuple[str, str]] = set()

    async def archive(self, asked: HomeFolder) -> HomeArchive:
        """Return an archive of a folder, and what is left out of it.

        Raises:
            CeilingError: it cannot be taken; says why.
            ConflictError: another of this person's is on its way.
            RefusedError: the person has no home here (404).
        """
        if self._workshop.bwrap is None:
            raise CeilingError("taking a folder of a home needs a sandbox, which this cluster does without")
        home = await self._home(asked.hub, asked.person)
        who = (asked.hub, asked.person)
        if who in self._at_it:
            raise ConflictError("another folder of yours is being read", hint="try again in a minute")
        self._at_it.add(who)
        try:
            async with self._slots:
                return await self._packed(home, asked)
        finally:
            self._at_it.discard(who)

    async def _home(self, hub: str, person: str) -> Path:
        rows = await self._store.run(lambda tables: tables.homes(hub))
        folder = next((folder for _, name, folder, _, _ in rows if name == person), None)
        home = self._settings.data / "homes" / hub / folder if folder else None
        if home is None or not await asyncio.to_thread(home.is_dir):
            raise RefusedError(
                "you have no home folder on this cluster yet", status=404, hint="it is made when you start a server"
            )
        return home

    async def _packed(self, home: Path, asked: HomeFolder) -> HomeArchive:
        uid = None
        if os.geteuid() == 0:
            uid = await self._store.run(lambda tables: tables.uid(asked.hub, asked.person, self._settings.uids))
        if os.geteuid() == 0 and uid is None:
            raise CeilingError("no user id is left for this person")
        told = {
            **{"home": str(home), "path": asked.path},
            **{"max_bytes": MAX_UNPACKED_BYTES, "max_files": MAX_FILES, "max_archive": MAX_ARCHIVE_BYTES},
        }
        try:
            done = await programs.run(
                replace(self._workshop, uid=uid), "packing", told, reads=[home], timeout_s=_TIMEOUT_S
            )
        except CommandError as error:
            raise CeilingError("the folder took too long to read", hint=error.message) from error
        try:
            answer = _Answer.model_validate_json(done.stdout)
        except ValidationError as error:
            raise CeilingError("the folder cannot be read", hint=programs.last_line(done)) from error
        if answer.refused:
            raise CeilingError(answer.refused)
        return HomeArchive.model_construct(archive=answer.archive, count=answer.count, left_out=answer.left_out)
