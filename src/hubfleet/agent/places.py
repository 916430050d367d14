"""Where a server runs and what it finds there: home, shared folders, software, user ids."""

import asyncio
import hashlib
import os
import re
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from hubfleet._kit.clock import Clock
from hubfleet.agent.environments.contents import Contents, script
from hubfleet.agent.environments.realised import Realised
from hubfleet.agent.environments.software import BASE
from hubfleet.agent.homes import folders
from hubfleet.agent.homes.quota import HomeQuotas
from hubfleet.agent.launchers.base import LaunchRequest
from hubfleet.agent.records import Record
from hubfleet.agent.store import Store
from hubfleet.errors import LaunchError
from hubfleet.model.settings.agent import AgentSettings
from hubfleet.protocol.messages import ServerRequest

GIB = 1024**3
_NEARLY_FULL = 0.95
Progress = Callable[[str], Awaitable[None]]


class Software(Protocol):
    """What makes environments."""

    async def prefix(self, environment: str, progress: Progress) -> Path:
        """Return where an environment, or `base`, is, once it is made; says meanwhile how far it is.

        Raises:
            LaunchError: it cannot be made here.
        """

    def layer(self, environment: str) -> Path | None:
        """Return what lies over the system for an environment that is made; None: nothing. Blocks."""


class Places:
    """Turns a record into a launch request, making what must be there."""

    def __init__(
        self,
        settings: AgentSettings,
        store: Store,
        *,
        software: Software,
        quotas: HomeQuotas,
        contents: Contents,
        clock: Clock,
    ) -> None:
        """Make it.

        Args:
            settings: of the agent.
            store: for ids and homes.
            software: makes environments.
            quotas: keeps lasting homes within their limits.
            contents: has the repositories' files that servers get copies of.
            clock: for the homes index.
        """
        self._settings = settings
        self._store = store
        self._software = software
        self._quotas = quotas
        self._contents = contents
        self._clock = clock
        self._own_ids = os.geteuid() == 0

    async def prepare(self, record: Record, progress: Progress) -> LaunchRequest:
        """Make what a server needs and name it.

        Raises:
            LaunchError: it cannot be had.
        """
        request = record.request
        hub = self._settings.hub(request.hub)
        if hub is None:
            raise LaunchError(f"the hub {request.hub!r} is not served by this cluster any more")
        # first what may be unknown here
        wanted = request.environment
        environment = None
        if wanted != BASE:
            environment = await asyncio.to_thread(Realised.at, await self._software.prefix(wanted, progress))
        prefix = await self._software.prefix(BASE, progress)
        content = await self._content(request, environment, progress)
        uid = await self._id(request.hub, request.person)
        home = await self._home(record, uid)
        groups: dict[str, int] = {}
        shared: dict[str, Path] = {}
        for folder in request.shared_folders:
            groups[folder.name] = await self._id(request.hub, f"shared/{folder.name}")
            shared[folder.name] = self._settings.data / "shared" / request.hub / folder.name
            await asyncio.to_thread(folders.make_shared, shared[folder.name], self._owner(groups[folder.name]))
        return LaunchRequest(
            server=record.id,
            request=request,
            uid=uid,
            home=home,
            prefix=prefix,
            folders=shared,
            groups=groups,
            hub_url=f"http://{hub.address}:{hub.port}",
            environment=environment.prefix if environment else None,
            environment_seen_at=environment.seen_at if environment else None,
            layer=await asyncio.to_thread(self._software.layer, wanted),
            content=content,
            start_script="" if content is None else await asyncio.to_thread(script, content, "start"),
        )

    async def home_notice(self, record: Record) -> tuple[float | None, str]:
        """Return what a person's home held when it was counted last, and what to say if that is nearly too much."""
        request = record.request
        rows = await self._store.run(lambda tables: tables.homes(request.hub))
        used = next((used for _, person, _, used, _ in rows if person == request.person), None)
        if used is None or request.fresh_home:
            return None, ""
        quota, used_gib = request.home_quota_gib, used / GIB
        if not quota or used_gib < quota * _NEARLY_FULL:
            return used_gib, ""
        return (
            used_gib,
            f"your home holds {used_gib:.1f} GiB, and {quota:g} GiB is its limit: delete what you do not need",
        )

    async def release(self, record: Record) -> None:
        """Remove what was for one run only."""
        if record.request.fresh_home:
            await asyncio.to_thread(shutil.rmtree, self._fresh(record.id), ignore_errors=True)

    async def _content(self, request: ServerRequest, environment: Realised | None, progress: Progress) -> Path | None:
        if request.content is None:
            return None
        await progress("preparing files")
        # also where others take their place: who may not have a private repository's files learns it here
        tree = await self._contents.tree(request.hub, request.content)
        return environment.files if environment and environment.has(request.content) else tree

    async def _home(self, record: Record, uid: int) -> Path:
        request = record.request
        if request.fresh_home:
            home = self._fresh(record.id)
        else:
            name = folder_name(request.person)
            now = self._clock.now().timestamp()
            folder = await self._store.run(lambda tables: tables.home(request.hub, request.person, name, now))
            home = self._settings.data / "homes" / request.hub / folder
        await asyncio.to_thread(folders.make_home, home, self._owner(uid))
        if not request.fresh_home:
            await asyncio.to_thread(self._quotas.keep, home, uid, request.home_quota_gib)
        return home

    async def _id(self, hub: str, name: str) -> int:
        if not self._own_ids:
            return os.geteuid()
        uid = await self._store.run(lambda tables: tables.uid(hub, name, self._settings.uids))
        if uid is None:
            raise LaunchError(
                "no user id is left for this person", hint="give the cluster a larger range with `uids` in its file"
            )
        return uid

    def _owner(self, uid: int) -> int | None:
        return uid if self._own_ids else None

    def _fresh(self, server: str) -> Path:
        return self._settings.data / "fresh" / server


def folder_name(person: str) -> str:
    """Return a folder's name for a person: readable, fit for any file system, and different for different people."""
    readable = re.sub(r"[^a-z0-9]+", "-", person.lower()).strip("-")[:40]
    return f"{readable or 'person'}-{hashlib.sha256(person.encode(errors='surrogatepass')).hexdigest()[:12]}"
