"""Copies of environments and builds: their files, asked of the cluster that has them, to change or to take away."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from hubfleet.errors import ProtocolError, RefusedError
from hubfleet.portal.features.builds import copies, starting
from hubfleet.portal.features.builds.agents import BuildAgent
from hubfleet.portal.features.builds.builds import Builds
from hubfleet.portal.features.builds.drafts import Draft
from hubfleet.portal.features.builds.environments import Environments
from hubfleet.portal.people import Person
from hubfleet.protocol.files import TextsRequest
from hubfleet.records.entries import BuildEntry
from hubfleet.records.tables import repository_name

_NAME_MAX = 55


@dataclass(frozen=True)
class Copy:
    """What the editor is filled with."""

    draft: Draft
    of: str
    """The name of what it is a copy of."""
    address: str
    """The query that leads to this copy again."""
    beyond: tuple[str, ...] = ()
    """What the editor has no fields for."""
    locked: bool = False
    """Whether the packages are the lock's exact versions."""
    can_lock: bool = False
    """Whether there is a lock."""
    cluster: str = ""


class Drafting:
    """Finds what environments and builds were asked for with."""

    def __init__(self, hub: str, agents: Mapping[str, BuildAgent], builds: Builds, environments: Environments) -> None:
        """Make it.

        Args:
            hub: the hub's name.
            agents: of its clusters.
            builds: know their repositories.
            environments: know their locks.
        """
        self._hub = hub
        self._agents = agents
        self._builds = builds
        self._environments = environments

    async def of_environment(self, person: Person, digest: str, *, locked: bool) -> Copy:
        """Return a copy of an environment.

        Raises:
            RefusedError: there is none that this person may see (404).
        """
        entry = await self._environments.one(person, digest)
        build = await self._environments.origin(entry)
        return await self._copy(person, build, entry.name, entry.lock, f"environment={digest}", locked=locked)

    async def of_build(self, person: Person, build: UUID) -> Copy:
        """Return a copy of what a build was of, without versions.

        Raises:
            RefusedError: there is none that this person may see (404).
        """
        entry = await self._builds.build(person, build)
        return await self._copy(person, entry, repository_name(entry.repository), "", f"build={build}", locked=False)

    async def files(self, person: Person, digest: str) -> dict[str, str]:
        """Return the files of the repository that an environment follows from, by their paths.

        Raises:
            RefusedError: there is no such environment (404), or they cannot be had (409).
            UnreachableError: its cluster does not answer just now.
        """
        entry = await self._environments.one(person, digest)
        found = await self._texts(person, await self._environments.origin(entry))
        if not found:
            raise RefusedError("it follows from no files", status=409, hint="take its environment.yml along instead")
        return found

    async def _copy(
        self, person: Person, build: BuildEntry, name: str, lock: str, address: str, *, locked: bool
    ) -> Copy:
        try:
            texts = await self._texts(person, build)
        except ProtocolError as error:
            found = copies.Copied(Draft(), (f"its files cannot be read ({error.message})",))
        else:
            found = copies.copied(name, texts)
            gone = [f"{path}: it is too long, or no text" for path in build.files if path not in texts]
            found = replace(found, beyond=(*found.beyond, *gone))
        draft = replace(found.draft, name=f"{name[:_NAME_MAX]}-copy")
        locked = bool(lock) and (locked or bool(found.beyond))
        if locked:
            draft = copies.of_lock(draft, lock)
        return Copy(draft, name, address, found.beyond, locked, bool(lock), build.cluster)

    async def _texts(self, person: Person, build: BuildEntry) -> dict[str, str]:
        """Ask the cluster where it was built."""
        content, agent = starting.content_of(build, person), self._agents.get(build.cluster)
        if not build.files:
            return {}
        if content is None:
            raise RefusedError("the repository is private, and another's", status=409)
        if agent is None:
            raise RefusedError("its cluster is no longer part of this hub", status=409)
        paths = list(build.files)[:50]
        return (await agent.texts(TextsRequest(hub=self._hub, content=content, paths=paths))).files
