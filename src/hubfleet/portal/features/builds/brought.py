"""Files that people bring: kept in the records under an address of their own, and handed to clusters that build them.

The address names them everywhere as a repository's would. They never change: another version is another address.
"""

import io
import re
import zipfile
from collections.abc import Collection, Mapping
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from hubfleet._kit.clock import Clock
from hubfleet.errors import RefusedError
from hubfleet.portal.features.builds.agents import BuildAgent
from hubfleet.portal.people import PREFIX, Person
from hubfleet.protocol.files import MAX_ARCHIVE_BYTES, GivenFiles, HomeArchive, HomeFolder
from hubfleet.records.entries import BroughtEntry
from hubfleet.records.store import Records
from hubfleet.records.tables import Tables

PLACE = f"{PREFIX}files/"
PERSON_BYTES_MAX = 200_000_000
"""What one person's archives may take together."""
NAME_MAX = 60
_PATH = re.compile(rf"{re.escape(PLACE)}([0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})/[^/]*")


class Brought:
    """What people have brought to one hub."""

    def __init__(self, hub: str, public_url: str, records: Records, clock: Clock) -> None:
        """Make it.

        Args:
            hub: the hub's name.
            public_url: of the hub, without a slash at the end.
            records: keep them.
            clock: says when they came.
        """
        self._hub = hub
        self._public_url = public_url
        self._records = records
        self._clock = clock

    async def add(self, person: Person, name: str, archive: bytes, *, at: datetime | None = None) -> BroughtEntry:
        """Keep a zip archive of some time, or of now; whether it is one is seen when it is built.

        Raises:
            RefusedError: it is too large (413), or the person has brought too much (422).
        """
        if len(archive) > MAX_ARCHIVE_BYTES:
            most = MAX_ARCHIVE_BYTES // 1_000_000
            raise RefusedError(f"these files are larger than {most} MB", status=413, hint="put data sets elsewhere")
        entry = self._entry(person, name, archive, at)

        def work(tables: Tables) -> None:
            if tables.brought.size(person.name) + entry.size > PERSON_BYTES_MAX:
                raise RefusedError(
                    f"your files here are larger than {PERSON_BYTES_MAX // 1_000_000} MB together",
                    status=422,
                    hint="delete some that you need no more",
                )
            tables.brought.add(entry, archive)

        await self._records.run(work)
        return entry

    async def lend(
        self, person: Person, name: str, archive: bytes, agent: BuildAgent, *, at: datetime | None = None
    ) -> str:
        """Hand an archive to a cluster without keeping it, and return the address that stands for it there.

        Raises:
            RefusedError: the cluster does not take it.
            UnreachableError: it does not answer just now.
        """
        entry = self._entry(person, name, archive, at)
        address = self.address(entry)
        await agent.put_files(
            GivenFiles(hub=self._hub, repository=address, title=entry.name, at=entry.created), archive
        )
        return address

    async def from_home(self, person: Person, path: str, agent: BuildAgent) -> HomeArchive:
        """Return an archive of a folder in somebody's home on a cluster; it is not kept yet.

        Raises:
            RefusedError: it cannot be taken; says why.
            UnreachableError: the cluster does not answer just now.
        """
        if person.service:
            raise RefusedError("a service has no home", status=422)
        return await agent.home_archive(HomeFolder(hub=self._hub, person=person.name, path=path))

    def _entry(self, person: Person, name: str, archive: bytes, at: datetime | None) -> BroughtEntry:
        created = at or self._clock.now()
        return BroughtEntry(id=uuid4(), person=person.name, name=plain(name), size=len(archive), created=created)

    def now(self) -> datetime:
        """Return the time."""
        return self._clock.now()

    def address(self, entry: BroughtEntry) -> str:
        """Return the address that stands for files."""
        return f"{self._public_url}{PLACE}{entry.id}/{entry.name}"

    async def all(self, person: Person) -> list[BroughtEntry]:
        """Return what a person has brought, newest first."""
        return await self._records.run(lambda tables: tables.brought.of(person.name))

    async def one(self, person: Person, brought: UUID) -> BroughtEntry:
        """Return what is known of some files.

        Raises:
            RefusedError: there are none that this person may see (404).
        """
        entry = await self._records.run(lambda tables: tables.brought.one(brought))
        if entry is None or person.sees not in {None, entry.person}:
            raise RefusedError("there are no such files", status=404)
        return entry

    async def archive(self, person: Person, brought: UUID) -> bytes:
        """Return the archive; raises as `one` does."""
        entry = await self.one(person, brought)
        return await self._records.run(lambda tables: tables.brought.archive(entry.id))

    async def delete(self, person: Person, brought: UUID) -> None:
        """Forget files; environments that were made of them stay. Raises as `one` does."""
        entry = await self.one(person, brought)
        await self._records.run(lambda tables: tables.brought.delete(entry.id))

    async def check(self, person: Person, repository: str) -> None:
        """Refuse an address that stands for files which somebody else brought.

        Raises:
            RefusedError: with status 404.
        """
        found = await self._found(repository)
        if found is not None:
            await self.one(person, found.id)

    async def hand_over(self, repository: str, agent: BuildAgent) -> None:
        """Give a cluster the files that an address stands for; nothing where it is a repository's.

        Raises:
            RefusedError: the cluster does not take them.
            UnreachableError: it does not answer just now.
        """
        entry = await self._found(repository)
        if entry is None:
            return
        archive = await self._records.run(lambda tables: tables.brought.archive(entry.id))
        files = GivenFiles(hub=self._hub, repository=repository, title=entry.name, at=entry.created)
        await agent.put_files(files, archive)

    async def _found(self, repository: str) -> BroughtEntry | None:
        if not repository.startswith(self._public_url):
            return None
        match = _PATH.fullmatch(urlsplit(repository).path)
        if match is None:
            return None
        return await self._records.run(lambda tables: tables.brought.one(UUID(match[1])))


def zipped(files: Mapping[str, bytes], at: datetime, *, programs: Collection[str] = ()) -> bytes:
    """Return an archive; the same files of the same time give the same bytes. `programs` may be run."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            about = zipfile.ZipInfo(name, date_time=at.timetuple()[:6])
            about.external_attr = (0o755 if name in programs else 0o644) << 16
            archive.writestr(about, content, zipfile.ZIP_DEFLATED)
    return whole.getvalue()


def plain(name: str) -> str:
    """Return what a folder can be called."""
    stem = re.sub(r"\.zip$", "", name.strip(), flags=re.IGNORECASE)
    return re.sub(r"[^\w.-]+", "-", stem, flags=re.ASCII).strip(".-")[:NAME_MAX] or "files"
