"""Environments of one hub: who sees which, and what their owners may change; whose they are is asked at each door."""

import logging

from hubfleet.errors import RefusedError
from hubfleet.model.document import HubDocument, NamedEnvironment, ProfileEnvironment
from hubfleet.model.sharing import group_of
from hubfleet.portal.features.builds.views import EnvironmentChange
from hubfleet.portal.people import Person
from hubfleet.records.entries import BuildEntry, EnvironmentChanges, EnvironmentEntry, Reader
from hubfleet.records.store import Records
from hubfleet.records.tables import Tables

_log = logging.getLogger(__name__)

TOLD_MAX = 20_000
"""Environments in the hub's document: the newest; what is not in it can still be started with by its digest."""


class Environments:
    """What people do with environments once there are some."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def seen(
        self, reader: Reader, *, search: str = "", own: bool | None = None, limit: int
    ) -> list[EnvironmentEntry]:
        """Return what somebody may see: only theirs, only others', or both (None), newest first, without locks."""
        return await self._records.run(lambda tables: tables.environments(reader, search=search, own=own, limit=limit))

    async def one(self, person: Person, digest: str) -> EnvironmentEntry:
        """Return one environment with its lock.

        Raises:
            RefusedError: there is none that this person may see (404).
        """
        return await self._records.run(lambda tables: _seen(tables, person, digest))

    async def origin(self, entry: EnvironmentEntry) -> BuildEntry:
        """Return the build that an environment comes from."""
        found = await self._records.run(lambda tables: tables.build(entry.made_from))
        assert found is not None, "an environment's build stays as long as it"
        return found

    async def change(self, person: Person, digest: str, wanted: EnvironmentChange) -> EnvironmentEntry:
        """Give an environment another name, or share it with others than before.

        Raises:
            RefusedError: there is none that this person may see (404), it is another's (403), or it would be shared
                with a group that the person is not in (422).
        """
        changes: EnvironmentChanges = {}
        if wanted.name is not None:
            changes["name"] = wanted.name
        if wanted.shared_with is not None:
            changes["shared_with"] = wanted.shared_with

        def work(tables: Tables) -> EnvironmentEntry:
            entry = _owned(tables, person, digest)
            group = group_of(changes.get("shared_with", ""))
            if group and changes["shared_with"] != entry.shared_with and group not in person.groups:
                raise RefusedError(
                    f"you are not in the group {group!r}", status=422, hint="share it with a group that you are in"
                )
            return tables.change_environment(digest, person.name, **changes) or entry

        return await self._records.run(work)

    async def delete(self, person: Person, digest: str) -> None:
        """Forget an environment of a person; the builds that made it stay.

        Raises:
            RefusedError: there is none that this person may see (404), or it is another's (403).
        """

        def work(tables: Tables) -> None:
            _owned(tables, person, digest)
            tables.delete_environment(digest, person.name)

        await self._records.run(work)
        _log.info("environment %s: deleted by %s", digest[:12], person.name)

    async def document(self, profiles: tuple[ProfileEnvironment, ...]) -> HubDocument:
        """Return what the hub's own process is told, of profiles too."""
        everything = Reader(person="", everything=True)
        entries = await self.seen(everything, limit=TOLD_MAX)
        return HubDocument(
            environments=tuple(NamedEnvironment.model_validate(entry, from_attributes=True) for entry in entries),
            profiles=profiles,
        )


def _seen(tables: Tables, person: Person, digest: str) -> EnvironmentEntry:
    entry = tables.environment(digest, person.reader)
    if entry is None:
        raise RefusedError("there is no such environment", status=404)
    return entry


def _owned(tables: Tables, person: Person, digest: str) -> EnvironmentEntry:
    entry = _seen(tables, person, digest)
    if entry.owner != person.name:
        raise RefusedError(
            "this environment belongs to somebody else", status=403, hint="its owner alone can change or delete it"
        )
    return entry
