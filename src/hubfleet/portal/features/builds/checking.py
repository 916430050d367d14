"""Whether a draft has versions that go together: a cluster chooses them, and nothing is made or kept."""

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from hubfleet.errors import ProtocolError, RefusedError
from hubfleet.model.settings.portal import PortalSettings
from hubfleet.portal.features.builds.agents import BuildAgent, following
from hubfleet.portal.features.builds.brought import Brought
from hubfleet.portal.features.builds.builds import Builds
from hubfleet.portal.people import Person
from hubfleet.protocol.builds import Build, BuildRequest, BuildState

_log = logging.getLogger(__name__)

CHECK_S = 100.0
"""How long somebody waits for an answer on the page."""


@dataclass(frozen=True)
class Checked:
    """What a cluster says of a draft."""

    lock: str = ""
    """The versions; empty: there are none."""
    message: str = ""
    hint: str = ""
    packages_until: str = ""


class Checking:
    """Asks clusters for versions, for each person one draft at a time."""

    def __init__(self, settings: PortalSettings, builds: Builds, brought: Brought) -> None:
        """Make it.

        Args:
            settings: of the portal.
            builds: know the clusters' agents.
            brought: hands files over.
        """
        self._hub = settings.hub
        self._conda = settings.conda
        self._builds = builds
        self._brought = brought
        self._at_it: set[str] = set()

    async def check(self, person: Person, name: str, archive: bytes, cluster: str, *, at: datetime) -> Checked:
        """Let a cluster choose versions.

        Args:
            person: whose draft it is.
            name: of it.
            archive: its files.
            cluster: which one; empty: the hub's first.
            at: as of when.

        Raises:
            RefusedError: the person has a check that is not over (429), or there is no such cluster (422).
        """
        if person.name in self._at_it:
            raise RefusedError("a check of yours is not over yet", status=429, hint="wait for it, then check again")
        agent = self._builds.agent(cluster)
        self._at_it.add(person.name)
        try:
            repository = await self._brought.lend(person, name, archive, agent, at=at)
            request = BuildRequest(hub=self._hub, repository=repository, conda=self._conda, only="lock")
            build = await _followed(agent, request)
        except ProtocolError as error:
            return Checked(message=error.message, hint=error.hint)
        finally:
            self._at_it.discard(person.name)
        if build is None:
            return Checked(
                message="this takes longer than a page can wait", hint="make it, and its page shows how far it is"
            )
        if build.state is BuildState.READY:
            return Checked(build.lock, build.message, packages_until=build.packages_until)
        return Checked(message=build.message, hint=build.hint)


async def _followed(agent: BuildAgent, request: BuildRequest) -> Build | None:
    """Return a build that is over; None: it takes too long, and was stopped."""
    build = str(uuid4())
    try:
        async with asyncio.timeout(CHECK_S):
            await agent.start_build(build, request)
            async with following(agent, build, since=0) as events:
                async for event in events:
                    if event.state.over:
                        break
            return await agent.build(build)
    except TimeoutError:
        _log.info("the check %s takes too long", build)
    await agent.stop_build(build)
    return None
