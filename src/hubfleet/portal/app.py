"""Wiring of the portal: settings in, a server on loopback out."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from fastapi import APIRouter, FastAPI
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from hubfleet._kit import aio
from hubfleet._kit.clock import Clock, SystemClock
from hubfleet._kit.files import locked, make_private
from hubfleet.errors import SecretError, StateError
from hubfleet.model.settings.hub import AgentAddress
from hubfleet.model.settings.portal import PortalSettings
from hubfleet.portal import problems, sign_in
from hubfleet.portal.features.builds import api as builds_api
from hubfleet.portal.features.builds import (
    draft_pages,
    environment_pages,
    environments_api,
    file_pages,
    files_api,
    guest_pages,
    home_pages,
    profile_pages,
    profiles_api,
)
from hubfleet.portal.features.builds import pages as builds_pages
from hubfleet.portal.features.builds.agents import BuildAgent
from hubfleet.portal.features.builds.binder import routes as binder
from hubfleet.portal.features.builds.binder.launching import Launching
from hubfleet.portal.features.builds.brought import Brought
from hubfleet.portal.features.builds.builds import Builds
from hubfleet.portal.features.builds.checking import Checking
from hubfleet.portal.features.builds.drafting import Drafting
from hubfleet.portal.features.builds.environments import Environments
from hubfleet.portal.features.builds.exporting import Exporting
from hubfleet.portal.features.builds.guests import EVERY_S as GUESTS_EVERY_S
from hubfleet.portal.features.builds.guests import Guests
from hubfleet.portal.features.builds.profiles import KEEP_EVERY_S, Profiles
from hubfleet.portal.features.builds.sending import EVERY_S, Sending
from hubfleet.portal.forgery import Forgery
from hubfleet.portal.limits import SmallBodies
from hubfleet.portal.look import PAGES, Look
from hubfleet.portal.people import PREFIX, People, Person
from hubfleet.portal.sealing import Seal, derived
from hubfleet.portal.settings import cookie_key, service_token
from hubfleet.portal.sign_in import ATTEMPT_S, SESSION_S, START, SignIn
from hubfleet.protocol.client import AgentClient
from hubfleet.protocol.hub_api import HubApi
from hubfleet.protocol.signing import CallerKey
from hubfleet.records.store import Records


@dataclass(frozen=True)
class Portal:
    """A wired portal."""

    app: FastAPI
    builds: Builds
    records: Records


def run(settings: PortalSettings) -> None:
    """Serve until SIGTERM.

    Raises:
        StateError: the folder or the records cannot be used.
        SecretError: a secret is missing.
    """
    folder = Path(settings.folder)
    try:
        make_private(folder)
    except OSError as error:
        raise StateError(f"the portal's folder {folder} cannot be made: {error.strerror}") from error
    hint = "end the other one first; `hubfleet status` shows it"
    with locked(folder / "portal.lock", what="another portal runs with these records", hint=hint):
        asyncio.run(_serve(settings))


async def _serve(settings: PortalSettings) -> None:
    async with wired(settings) as portal:
        config = uvicorn.Config(
            portal.app,
            host="127.0.0.1",
            port=settings.bind_port,
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            # HAProxy keeps idle connections, and must be the one that closes them
            timeout_keep_alive=75,
            timeout_graceful_shutdown=3,
        )
        await _Server(config, portal.builds.end_streams).serve()


@asynccontextmanager
async def wired(
    settings: PortalSettings,
    *,
    hub: HubApi | None = None,
    agents: Mapping[str, BuildAgent] | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Portal]:
    """Put a portal together and keep its background tasks running for the length of a block.

    Args:
        settings: of the portal.
        hub: another JupyterHub than the settings name, for tests.
        agents: others than the settings name, by cluster; for tests.
        clock: for tests.
    """
    clock = clock or SystemClock()
    app = application(settings, hub := hub or HubApi(settings.hub_api), clock)
    records = Records(settings.database_url)
    await records.open()
    async with AsyncExitStack() as ending:
        ending.push_async_callback(records.close)
        ending.push_async_callback(hub.close)
        if agents is None:
            clients = {agent.cluster: _client(settings.hub, agent) for agent in settings.agents}
            for client in clients.values():
                ending.push_async_callback(client.close)
            agents = clients
        app.state.brought = brought = Brought(settings.hub, settings.public_url, records, clock)
        sending = Sending(agents, records, brought, clock)
        builds = Builds(settings, agents=agents, records=records, sending=sending, brought=brought, clock=clock)
        app.state.builds, app.state.environments = builds, Environments(records)
        guests = Guests(
            settings.anonymous,
            hub,
            service_token(settings),
            forget=lambda name: builds.forget(Person(name)),
            clock=clock,
        )
        app.state.guests = guests
        app.state.launching = Launching(builds, hub, guests, clock, named=settings.named_servers > 0)
        app.state.profiles = profiles = Profiles(settings.profiles, records, sending, clock)
        app.state.sending = sending
        app.state.checking = Checking(settings, builds, brought)
        app.state.drafting = Drafting(settings.hub, agents, builds, app.state.environments)
        app.state.exporting = Exporting(agents, app.state.environments)
        ending.push_async_callback(builds.close)
        await builds.resume()
        async with aio.background(
            sending=aio.guarded("sending", sending.round, every_s=EVERY_S, clock=clock),
            keeping=aio.guarded("keeping", profiles.keep, every_s=KEEP_EVERY_S, clock=clock),
            guests=aio.guarded("guests", guests.round, every_s=GUESTS_EVERY_S, clock=clock),
        ):
            yield Portal(app, builds, records)


def application(settings: PortalSettings, hub: HubApi, clock: Clock) -> FastAPI:
    """Return the app; what features need is put into its state by `wired`."""
    key, secure = cookie_key(settings), settings.public_url.startswith("https://")
    app = FastAPI(
        title="hubfleet portal",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{problems.API}openapi.json",
        # would lead to the address that the proxy dials
        redirect_slashes=False,
    )
    people = People(hub, Seal.of(key, "session", lifetime_s=SESSION_S, clock=clock), clock)
    attempts = Seal.of(key, "sign-in", lifetime_s=ATTEMPT_S, clock=clock)
    app.state.people = people
    app.state.sign_in = SignIn(people, service_token(settings), attempts, secure)
    app.state.forgery = Forgery(derived(key, "forgery"), _origin(settings.public_url))
    app.state.named_servers = settings.named_servers > 0
    app.state.look = Look(settings, app.state.forgery)
    problems.install(app)
    routes = APIRouter(prefix=PREFIX.rstrip("/"))
    # before those of environments, which their addresses could be of
    new = (draft_pages, home_pages)
    of_builds = (builds_pages, *new, environment_pages, file_pages, profile_pages, guest_pages)
    for part in (sign_in.routes, *(pages.routes for pages in of_builds), _open_routes()):
        routes.include_router(part, include_in_schema=False)
    for api in (builds_api.routes, environments_api.routes, files_api.routes, profiles_api.routes):
        routes.include_router(api, prefix="/api")
    app.include_router(routes)
    app.include_router(binder.routes, include_in_schema=False)
    app.mount(f"{PREFIX}static", StaticFiles(directory=PAGES / "static" / "portal"))
    app.add_middleware(SmallBodies)
    problems.describe(app)
    return app


def _open_routes() -> APIRouter:
    routes = APIRouter()

    @routes.get("/")
    async def first_page() -> Response:
        """JupyterHub asks this when it starts, and waits for the answer."""
        return RedirectResponse(START, 302)

    @routes.get("/health")
    async def health() -> dict[str, str]:
        """Answers as long as the portal runs."""
        return {"status": "ok"}

    return routes


def _origin(public_url: str) -> str:
    """Return an address as browsers name it in `Origin`: without the port that is the scheme's own."""
    parts = urlsplit(public_url)
    own = {"http": ":80", "https": ":443"}[parts.scheme]
    return f"{parts.scheme}://{parts.netloc.removesuffix(own)}"


def _client(hub: str, agent: AgentAddress) -> AgentClient:
    try:
        key = Path(agent.key).read_text()
    except OSError as error:
        raise SecretError(f"the key for cluster {agent.cluster!r} cannot be read from {agent.key}") from error
    return AgentClient(agent.address, cluster=agent.cluster, key=CallerKey(f"portal-{hub}", key))


class _Server(uvicorn.Server):
    """Ends event streams when it is told to end, rather than wait for them, and lets us end in order after it."""

    def __init__(self, config: uvicorn.Config, ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._ending = ending

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take signals by the loop; uvicorn's own way raises them again at its end, which would end us at once."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        yield

    def _end(self) -> None:
        self._ending()
        self.should_exit = True
