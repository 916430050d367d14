"""A portal wired with fakes: a hub that answers whose tokens are, agents that only pretend, a browser without pages."""

import asyncio
import html
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import httpx

from fake_hub import ACCESS, PORTAL, SERVICE_TOKEN, FakeHub
from hubfleet.model.access import PROMOTE
from hubfleet.model.settings.portal import PortalSettings
from hubfleet.portal import app
from hubfleet.portal.app import Portal
from hubfleet.protocol.hub_api import HubApi
from hubfleet.testing.builds import LOCK, FakeBuildAgent
from hubfleet.testing.clock import FakeClock

ORIGIN = "http://ocean.localhost:8000"
REPOSITORY = "https://git.test/ann/waves"


class QuickClock(FakeClock):
    """Turned by hand only; who sleeps has a short rest, so that background tasks leave time to others."""

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0.002)


class Browser(httpx.AsyncClient):
    """Keeps cookies, follows no redirect by itself, and sends where a form comes from."""

    def form_token(self, page: httpx.Response) -> str:
        """Return the token of a page's forms."""
        found = re.search(r'name="_xsrf" value="([^"]*)"', page.text)
        assert found, page.text[-3000:]
        return html.unescape(found[1])

    async def send_form(self, path: str, token: str, /, **fields: str) -> httpx.Response:
        """Send a form as a page of ours would."""
        return await self.post(PORTAL + path, data={"_xsrf": token, **fields}, headers={"Origin": ORIGIN})


@dataclass
class World:
    """What outlives a portal."""

    folder: Path
    hub: FakeHub = field(default_factory=FakeHub)
    agents: dict[str, FakeBuildAgent] = field(default_factory=lambda: {"here": FakeBuildAgent()})
    clock: FakeClock = field(default_factory=QuickClock)
    settings: dict[str, object] = field(default_factory=dict)

    def document(self) -> PortalSettings:
        """Return the settings."""
        (self.folder / "portal-token").write_text(SERVICE_TOKEN)
        (self.folder / "portal-cookie").write_text("ab" * 32)
        plain = {
            "fleet": "test",
            "hub": "ocean",
            "title": "Ocean Lab",
            "public_url": ORIGIN,
            "bind_port": 1,
            "hub_api": "http://hub/hub/api",
            "agents": [
                {"cluster": name, "title": name.title(), "address": "unix:/none", "key": "/none"}
                for name in self.agents
            ],
            "profiles": {"small": "Small", "large": "Large"},
            "folder": str(self.folder),
            "secrets": str(self.folder),
        }
        return PortalSettings.model_validate(plain | self.settings)

    @asynccontextmanager
    async def portal(self) -> AsyncIterator["Running"]:
        """One life of the portal."""
        hub = HubApi("http://hub/hub/api", transport=httpx.ASGITransport(self.hub.app))
        async with (
            app.wired(self.document(), hub=hub, agents=self.agents, clock=self.clock) as portal,
            AsyncExitStack() as ending,
        ):
            yield Running(self, portal, ending)


@dataclass
class Running:
    """A portal that runs."""

    world: World
    portal: Portal
    ending: AsyncExitStack

    @property
    def agent(self) -> FakeBuildAgent:
        """The first cluster's."""
        return next(iter(self.world.agents.values()))

    async def browser(self, *, origin: str = ORIGIN) -> Browser:
        """Return a browser that nobody is signed in with."""
        transport = httpx.ASGITransport(self.portal.app)
        return await self.ending.enter_async_context(Browser(transport=transport, base_url=origin))

    async def program(self, name: str = "ann", *scopes: str, kind: str = "user", groups: Sequence[str] = ()) -> Browser:
        """Return a caller with a token in the header."""
        caller = await self.browser()
        caller.headers["Authorization"] = f"token {self.world.hub.person(name, *scopes, kind=kind, groups=groups)}"
        return caller

    async def promoter(self, name: str = "ann") -> Browser:
        """Return a caller whose token may do just this, as in continuous integration."""
        return await self.program(name, ACCESS, PROMOTE)

    async def signed_in(self, name: str = "ann", *scopes: str, groups: Sequence[str] = ()) -> Browser:
        """Return a browser that somebody has signed in with."""
        browser = await self.browser()
        token = self.world.hub.person(name, *scopes, groups=groups)
        begun = await browser.get(f"{PORTAL}environments")
        assert begun.status_code == 302, begun.text
        ended = await browser.get(self.world.hub.authorize(begun.headers["location"], token))
        assert ended.headers["location"] == f"{PORTAL}environments", ended.text
        return browser

    async def begun(self, caller: Browser, **more: object) -> str:
        """Begin a build by the API, wait until its agent has it, and return its id."""
        answer = await caller.post(f"{PORTAL}api/builds", json={"repository": REPOSITORY, **more})
        assert answer.status_code == 202, answer.text
        build = str(answer.json()["id"])
        agent = self.world.agents[str(answer.json()["cluster"])]
        if agent.reachable and agent.refusal is None:
            await until(lambda: ("build_events", build) in agent.calls)
        return build

    async def made(self, name: str = "ann", *, lock: str = LOCK, **more: object) -> str:
        """Let somebody make an environment, and return its digest."""
        caller = await self.program(name)
        build = await self.begun(caller, **more)
        digest = self.agent.finish(build, lock)
        await self.reached(caller, build, state="ready")
        return digest

    async def reached(self, caller: Browser, build: str, **wanted: object) -> dict[str, object]:
        """Wait until a build is as wanted, and return it."""
        with anyio.fail_after(20):
            while True:
                found: dict[str, object] = (await caller.get(f"{PORTAL}api/builds/{build}")).json()
                if all(found[name] == value for name, value in wanted.items()):
                    return found
                await anyio.sleep(0.002)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that other tasks do."""
    with anyio.fail_after(20):
        while not condition():
            await anyio.sleep(0.002)
