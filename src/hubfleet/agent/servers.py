"""What callers ask of servers: decided here in one transaction each, carried out by `work`."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from hubfleet._kit.clock import Clock
from hubfleet.agent import admission
from hubfleet.agent.bell import Bell
from hubfleet.agent.launchers.base import Launcher
from hubfleet.agent.records import Record, new_record
from hubfleet.agent.refusals import ConflictError, DiskFullError, FullError, NotFoundError
from hubfleet.agent.store import Store
from hubfleet.agent.tables import Tables
from hubfleet.agent.work import Works
from hubfleet.model.settings.agent import AgentSettings
from hubfleet.protocol.messages import (
    Event,
    Server,
    ServerAnswer,
    ServerList,
    ServerRequest,
    ServerState,
    StopReason,
    StopRequest,
)

MIN_FREE_BYTES = 64 * 1024 * 1024
"""Below this the agent starts nothing: its own records must still fit."""
RETRY_AFTER_S = 10.0


class Servers:
    """The servers of one agent, as its callers see them."""

    def __init__(
        self, settings: AgentSettings, *, store: Store, works: Works, launcher: Launcher, bell: Bell, clock: Clock
    ) -> None:
        """Make it.

        Args:
            settings: of the agent.
            store: what is known.
            works: carries out what is decided.
            launcher: for logs.
            bell: rung by the store's changes.
            clock: for times in records.
        """
        self._settings = settings
        self._store = store
        self._works = works
        self._launcher = launcher
        self._bell = bell
        self._clock = clock

    async def put(
        self, server: str, request: ServerRequest, *, caller: str, key: str = ""
    ) -> tuple[ServerAnswer, bool]:
        """Let a server run; say also whether it is a new start.

        Args:
            server: its id.
            request: what is wanted.
            caller: who asks.
            key: idempotency key; the same one again with the same request gives the same server.

        Raises:
            RefusedError: with status 404, 409, 422 or 429.
            StateError: the store cannot take it (507, 503).
        """
        admission.check(server, request, self._settings)
        if shutil.disk_usage(self._settings.data).free < MIN_FREE_BYTES:
            raise DiskFullError
        now = self._clock.now()

        def decide(tables: Tables) -> tuple[Record, bool]:
            if key:
                _check_key(tables, (caller, key), server, request, now)
            return self._decide(tables, server, request, now)

        record, created = await self._store.run(decide)
        self._bell.ring()
        self._works.begin(server)
        secrets = record.request.secrets
        answer = ServerAnswer(
            server=record.server, api_token=secrets.api_token, oauth_client_secret=secrets.oauth_client_secret
        )
        return answer, created

    async def stop(self, server: str, request: StopRequest, *, hub: str | None) -> Server:
        """Wish a server's end; what has ended, or is a later start, stays as it is.

        Raises:
            NotFoundError: the caller's hub has no such server.
        """
        await self._own(server, hub)

        def wish(record: Record) -> Record | None:
            later = request.generation is not None and record.server.generation > request.generation
            if not record.live or later or (record.desired == "stop" and record.server.state is ServerState.STOPPING):
                return None
            stopping = {"state": ServerState.STOPPING, "message": "stopping", "progress": 0}
            return replace(
                record,
                desired="stop",
                stop_reason=request.reason,
                server=record.server.model_copy(update=stopping),
            )

        if request.reason is not StopReason.START_CHECK:
            # a hub that cannot reach a server at its own start says nothing of the server: whether it is gone is ours
            # to find out
            await self._works.change(server, wish)
            self._works.interrupt(server)
            self._works.begin(server)
        return (await self._own(server, hub)).server

    async def forget(self, server: str, *, hub: str | None) -> None:
        """Forget a stopped server and its log.

        Raises:
            NotFoundError: there is none.
            ConflictError: it runs.
        """
        record = await self._own(server, hub)
        if record.live:
            raise ConflictError("the server runs", hint="stop it first")
        await self._launcher.forget(server)

        def remove(tables: Tables) -> None:
            found = tables.server(server)
            if found is not None and not found.live:
                tables.forget(server)

        await self._store.run(remove)

    async def get(self, server: str, *, hub: str | None) -> Server:
        """Return one server."""
        return (await self._own(server, hub)).server

    async def list(self, *, hub: str | None, since: int = 0) -> ServerList:
        """Return what changed since a number, or all, of one hub or of all hubs."""

        def read(tables: Tables) -> tuple[list[Record], int, int]:
            oldest, last = tables.event_range()
            start = since if oldest - 1 <= since <= last else 0
            return tables.servers(hub=hub, since=start), last, start

        records, last, start = await self._store.run(read)
        return ServerList(
            servers=[record.server for record in records],
            seq=last,
            complete=start == 0,
            cluster_ok=self._works.cluster_ok,
        )

    async def events(self, *, since: int, hub: str | None, server: str | None = None) -> tuple[Sequence[Event], bool]:
        """Return events after a number, and whether older ones are missing in between."""

        def read(tables: Tables) -> tuple[list[Event], bool]:
            oldest, last = tables.event_range()
            gap = since > last or since + 1 < oldest
            return tables.events(since=0 if since > last else since, hub=hub, server=server), gap

        return await self._store.run(read)

    async def logs(self, server: str, *, hub: str | None, lines: int) -> str:
        """Return the last lines that a server wrote."""
        record = await self._own(server, hub)
        return await self._launcher.logs(self._works.state_of(record), lines=lines)

    async def _own(self, server: str, hub: str | None) -> Record:
        record = await self._store.run(lambda tables: tables.server(server))
        if record is None or hub not in {None, record.server.hub}:
            raise NotFoundError("server")
        return record

    def _decide(self, tables: Tables, server: str, request: ServerRequest, now: datetime) -> tuple[Record, bool]:
        old = tables.server(server)
        if old is not None and old.server.hub != request.hub:
            raise NotFoundError("server")
        if old is not None and (old.server.person, old.server.server_name) != (request.person, request.server_name):
            raise ConflictError("this id belongs to another server")
        if old is not None and request.generation < old.server.generation:
            raise ConflictError("a later start of this server was asked for already")
        if old is not None and request.generation == old.server.generation:
            return old, False
        if old is None or not old.live:
            self._check_room(tables)
            return tables.save(new_record(server, request, now), now), True
        if old.desired == "stop":
            again = old.server.model_copy(update={"generation": request.generation, "reason": None})
            return tables.save(replace(old, desired="run", request=request, server=again, stop_reason=None), now), True
        if not admission.same_options(old.request, request):
            raise ConflictError("the server runs with other options", hint="stop it first")
        # the running server keeps its token, which the answer carries
        taken = old.request.model_copy(update={"generation": request.generation})
        newer = old.server.model_copy(update={"generation": request.generation})
        return tables.save(replace(old, request=taken, server=newer), now), False

    def _check_room(self, tables: Tables) -> None:
        live, waiting = tables.count()
        ceilings = self._settings.ceilings
        if live >= ceilings.servers:
            raise FullError(
                f"the cluster runs its {ceilings.servers} servers already",
                retry_after_s=RETRY_AFTER_S,
                hint="wait until one is stopped, or raise `ceilings` in the cluster's file",
            )
        if waiting >= ceilings.starts + ceilings.queue:
            raise FullError(f"{waiting} servers wait to start", retry_after_s=RETRY_AFTER_S, hint="try again soon")


def _check_key(tables: Tables, use: tuple[str, str], server: str, request: ServerRequest, now: datetime) -> None:
    """Hold a caller's idempotency key to the one request that it was first used for."""
    digest = f"{request.generation.isoformat()} {request.hub} {request.person}"
    known = tables.answered(*use)
    if known is not None and known != (server, digest):
        raise ConflictError("this Idempotency-Key was used for another request")
    if known is not None and tables.server(server) is None:
        raise ConflictError("this start was carried out, and its server forgotten since")
    tables.remember_answer(use, server, digest, now.timestamp())
