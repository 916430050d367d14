"""Wiring of the agent: settings in, a server on a unix socket out."""

import asyncio
import grp
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from hubfleet._kit import aio
from hubfleet._kit.clock import Clock, SystemClock
from hubfleet._kit.files import locked
from hubfleet.agent import parts, readiness
from hubfleet.agent.api import builds as build_routes
from hubfleet.agent.api import cluster as cluster_routes
from hubfleet.agent.api import exports as export_routes
from hubfleet.agent.api import files as file_routes
from hubfleet.agent.api import problems
from hubfleet.agent.api import servers as server_routes
from hubfleet.agent.api.guard import Guard, Verify
from hubfleet.agent.bell import Bell
from hubfleet.agent.cluster import ClusterFacts
from hubfleet.agent.environments.builds import Builds
from hubfleet.agent.environments.software import Environments
from hubfleet.agent.homes.quota import HomeQuotas
from hubfleet.agent.homes.usage import HomeUsage
from hubfleet.agent.launchers.base import Launcher
from hubfleet.agent.places import Places, Software
from hubfleet.agent.reconcile import EVERY_S, Reconcile
from hubfleet.agent.servers import Servers
from hubfleet.agent.store import Store
from hubfleet.agent.work import Works
from hubfleet.errors import StateError
from hubfleet.model.settings.agent import AgentSettings
from hubfleet.protocol.signing import Caller, Verifier

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Agent:
    """A wired agent."""

    app: Guard
    """The ASGI app, guarded."""
    bare: FastAPI
    """The app behind the guard, for its OpenAPI description."""
    servers: Servers
    bell: Bell
    reconcile: Reconcile
    works: Works
    environments: Environments


def run(settings: AgentSettings, launcher: Launcher | None = None) -> None:
    """Serve until SIGTERM.

    Args:
        settings: of the agent.
        launcher: another than the settings name, for tests.

    Raises:
        StateError: the store or the socket cannot be used.
        LaunchError: nothing can be started here.
    """
    prepare_folders(settings)
    hint = "end the other one first; `hubfleet status` shows it"
    with locked(settings.data / "agent.lock", what="another agent runs with this data", hint=hint):
        asyncio.run(_serve(settings, launcher))


async def _serve(settings: AgentSettings, launcher: Launcher | None) -> None:
    async with wired(settings, launcher=launcher) as agent:
        listener = _listen(settings.socket, settings.socket_group)
        config = uvicorn.Config(
            agent.app,
            lifespan="off",
            log_config=None,
            access_log=False,
            # far longer than callers keep a connection: a busy one may be late to notice that it is closed
            timeout_keep_alive=60,
            timeout_graceful_shutdown=3,
            server_header=False,
        )
        _log.info("cluster %s: listening on %s", settings.cluster, settings.socket)
        try:
            await _Server(config, agent.bell.close).serve(sockets=[listener])
        finally:
            settings.socket.unlink(missing_ok=True)


@asynccontextmanager
async def wired(
    settings: AgentSettings,
    *,
    launcher: Launcher | None = None,
    software: Software | None = None,
    probe: readiness.Probe = readiness.answers,
    clock: Clock | None = None,
) -> AsyncIterator[Agent]:
    """Put an agent together and keep its background tasks running for the length of a block.

    Args:
        settings: of the agent.
        launcher: another than the settings name, for tests.
        software: makes environments; for tests.
        probe: asks servers; for tests.
        clock: for tests.
    """
    clock = clock or SystemClock()
    store = Store(settings.data / "agent.sqlite")
    await store.open()
    async with AsyncExitStack() as ending:
        ending.push_async_callback(store.close)
        environments = await parts.make_environments(settings, store)
        launcher = launcher or parts.make_launcher(settings)
        ending.push_async_callback(launcher.close)
        quotas = HomeQuotas(settings.data / "homes")
        software = software or _software(settings, environments, ending)
        builds = parts.make_builds(settings, environments, clock)
        ending.push_async_callback(builds.close)
        facts = ClusterFacts(
            settings,
            store=store,
            launcher=launcher,
            environments=environments,
            abilities=[*await launcher.abilities(), quotas.ability()],
            version=version("hubfleet"),
        )
        bell = Bell()
        places = Places(settings, store, software=software, quotas=quotas, contents=builds.contents, clock=clock)
        works = Works(
            settings.ceilings, store=store, launcher=launcher, places=places, probe=probe, bell=bell, clock=clock
        )
        ending.push_async_callback(works.close)
        ending.callback(bell.close)
        servers = Servers(settings, store=store, works=works, launcher=launcher, bell=bell, clock=clock)
        bare = application(servers, bell, facts, builds)
        bare.state.exports, bare.state.taking = environments.exports, parts.make_taking(settings, environments, store)
        reconcile = Reconcile(store=store, works=works, launcher=launcher)
        app = Guard(bare, verify=_verifier(settings, store, clock))
        tidying = parts.make_tidying(settings, environments, store, clock)
        usage = HomeUsage(settings.data / "homes", store=store, clock=clock)
        async with aio.background(
            reconcile=aio.guarded("reconcile", reconcile.round, every_s=EVERY_S, clock=clock),
            tidying=aio.guarded("software", tidying.round, every_s=tidying.EVERY_S, clock=clock),
            usage=aio.guarded("home usage", usage.round, every_s=usage.EVERY_S, clock=clock),
        ):
            yield Agent(app, bare, servers, bell, reconcile, works, environments)


def _software(settings: AgentSettings, environments: Environments, ending: AsyncExitStack) -> Software:
    """Begin to make the base software, unless servers are only pretended and need none."""
    if settings.launcher == "in-process":
        return parts.NoSoftware()
    environments.begin_base()
    ending.push_async_callback(environments.close)
    return environments


def application(servers: Servers, bell: Bell, facts: ClusterFacts, builds: Builds) -> FastAPI:
    """Return the app without its guard."""
    app = FastAPI(title="hubfleet agent", version="1", docs_url=None, redoc_url=None, openapi_url="/v1/openapi.json")
    problems.install(app)
    app.state.servers, app.state.bell, app.state.facts = servers, bell, facts
    app.state.builds = builds
    for group in (server_routes, build_routes, cluster_routes, export_routes, file_routes):
        app.include_router(group.routes)
    problems.describe(app)
    return app


def prepare_folders(settings: AgentSettings) -> None:
    """Make the data folder, which only the agent may list."""
    try:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o711)
        for name in ("servers", "homes", "shared", "fresh"):
            (settings.data / name).mkdir(exist_ok=True, mode=0o711)
    except OSError as error:
        raise StateError(f"the data folder {settings.data} cannot be made: {error.strerror}") from error


def _verifier(settings: AgentSettings, store: Store, clock: Clock) -> Verify:
    callers = {
        caller.name: Caller(name=caller.name, role=caller.role, hub=caller.hub, public_key=caller.public_key)
        for caller in settings.callers
    }

    async def verify(authorization: str, method: str, path: str, body: bytes) -> Caller:
        # in the store's thread: the id is remembered in the same transaction that judges it
        return await store.run(
            lambda tables: Verifier(
                callers,
                audience=settings.cluster,
                once=lambda command, expires: tables.once(command, expires, clock.now().timestamp()),
                clock=clock,
            ).verify(authorization, method=method, path=path, body=body)
        )

    return verify


def _listen(path: Path, group: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        if group:
            os.chown(path, -1, int(group) if group.isdigit() else grp.getgrnam(group).gr_gid)
        path.chmod(0o660)
    except (OSError, KeyError) as error:
        listener.close()
        raise StateError(
            f"the agent cannot listen on {path}: {error}", hint="its path may have 107 characters; the group must exist"
        ) from error
    return listener


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
