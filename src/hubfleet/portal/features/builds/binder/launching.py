"""From a link of BinderHub's to its last event: builds, then starts the caller's server with what was built."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from hubfleet._kit.clock import Clock
from hubfleet.errors import HubfleetError, RefusedError
from hubfleet.policy.content import FRESH
from hubfleet.portal.features.builds import starting
from hubfleet.portal.features.builds.binder import phases
from hubfleet.portal.features.builds.binder.phases import Phase
from hubfleet.portal.features.builds.binder.providers import Source
from hubfleet.portal.features.builds.builds import Builds
from hubfleet.portal.features.builds.guests import Guest, Guests
from hubfleet.portal.features.builds.views import NewBuild
from hubfleet.portal.people import Person
from hubfleet.protocol.hub_api import HubApi, HubServer, Place
from hubfleet.records.entries import BuildEntry

START_S = 300.0
LOOK_S = 0.3
LINGER_S = 60.0


@dataclass(frozen=True)
class Asked:
    """One call of `/build`."""

    source: Source
    person: Person
    token: str
    """With which the server is started: the caller's own, or the portal's for a guest, who gets another."""
    build_only: bool
    base: str
    """Where BinderHub's pages are, for links: scheme, host and path with a slash at the end."""
    guest: Guest | None = None
    """Whose place it is, where nobody signed in."""


class Launching:
    """Carries calls of `/build` out."""

    def __init__(self, builds: Builds, hub: HubApi, guests: Guests, clock: Clock, *, named: bool) -> None:
        """Make it.

        Args:
            builds: builds.
            hub: starts servers.
            guests: makes those who do not sign in known to it.
            clock: for pauses.
            named: whether the hub's people may have several servers; each repository gets its own then.
        """
        self._builds = builds
        self._hub = hub
        self._guests = guests
        self._clock = clock
        self._named = named

    @property
    def ending(self) -> asyncio.Event:
        """Set when the portal ends, and readers must go."""
        return self._builds.ending

    async def linger(self) -> None:
        """Wait for a client to close its stream, for as long as a BinderHub does."""
        told, rested = self._builds.ending.wait(), self._clock.sleep(LINGER_S)
        waiting: list[asyncio.Future[Any]] = [asyncio.ensure_future(told), asyncio.ensure_future(rested)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()

    async def phases(self, asked: Asked) -> AsyncIterator[Phase]:
        """Yield what happens up to `ready` or `failed`; never raises what a client should be told."""
        served = False
        try:
            async for phase in self._phases(asked):
                served = served or phase["phase"] == "ready"
                if served and asked.guest is not None:
                    self._guests.leave(asked.guest, served=True)
                yield phase
        except RefusedError as error:
            yield phases.failed(words(error), status=error.status)
        except ValidationError:
            yield phases.failed("this is no address and ref of a git repository", status=400)
        except HubfleetError as error:
            yield phases.failed(words(error))
        finally:
            if asked.guest is not None and not served:
                self._guests.leave(asked.guest, served=False)

    async def _phases(self, asked: Asked) -> AsyncIterator[Phase]:
        wanted = NewBuild(repository=asked.source.repository, ref=asked.source.ref or "HEAD")
        entry = await self._builds.begin(asked.person, wanted)
        async for event in self._builds.events(entry, since=0):
            if event.state.over:
                entry = await self._builds.build(asked.person, entry.id)
            yield phases.of_build(event, entry.digest)
        if not entry.digest or entry.state != "ready":
            if entry.state not in {"failed", "stopped"}:
                yield phases.failed("the build did not end; ask again")
            return
        if asked.build_only:
            yield phases.built_only(entry.digest)
            return
        async for phase in self._launch(asked, entry):
            yield phase

    async def _launch(self, asked: Asked, entry: BuildEntry) -> AsyncIterator[Phase]:
        if asked.person.service:
            raise RefusedError("a service has no server: build only, or use a person's token", status=403)
        yield phases.launching("Launching server...")
        options: dict[str, object] = {"environment": entry.digest}
        content = starting.content_of(entry, asked.person)
        if content is not None:
            # nobody looks at a form here, and approves that a stranger's notebooks reach the home
            options |= {"content": content.model_dump(exclude_defaults=True), "home": FRESH}
        shown = asked.token
        if asked.guest is not None:
            shown = (await self._guests.settle(asked.guest)).get_secret_value()
        named = self._named and asked.guest is None
        place = Place(asked.person.name, starting.server_name(content) if content and named else "")
        server = await self._hub.server(asked.token, place)
        if server is not None and any(server.user_options.get(name) != value for name, value in options.items()):
            raise RefusedError(
                "a server of yours runs already, with other software or files",
                status=409,
                hint="stop it, and ask again",
            )
        if server is None:
            await self._hub.start_server(asked.token, place, options)
        server = await self._ready(asked, place)
        yield self._last(asked, entry, server, shown)

    async def _ready(self, asked: Asked, place: Place) -> HubServer:
        end = self._clock.monotonic() + START_S
        while self._clock.monotonic() < end:
            server = await self._hub.server(asked.token, place)
            if server is None:
                raise RefusedError("the server did not start", status=500, hint="the hub's own page says why")
            if server.ready and server.full_url:
                return server
            await self._clock.sleep(LOOK_S)
        raise RefusedError("the server takes too long to start", status=504, hint="the hub's own page shows it")

    def _last(self, asked: Asked, entry: BuildEntry, server: HubServer, token: str) -> Phase:
        source = asked.source
        return {
            "phase": "ready",
            "message": "server running\n",
            "image": phases.image_name(entry.digest),
            "repo_url": source.repository,
            "token": token,
            "url": server.full_url,
            "binder_ref_url": source.repository,
            "binder_launch_host": asked.base,
            "binder_request": source.request,
            "binder_persistent_request": source.at(entry.commit),
        }


def words(error: HubfleetError) -> str:
    """Return what happened and what to do, as one line."""
    return f"{error.message}: {error.hint}" if error.hint else error.message
