"""A portal wired with fakes: a hub that answers whose tokens are, agents that only pretend, a browser without pages."""

import asyncio
import base64
import hashlib
import html
import re
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import anyio
import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from hubfleet.model.access import PROMOTE
from hubfleet.model.settings.portal import PortalSettings
from hubfleet.portal import app
from hubfleet.portal.app import Portal
from hubfleet.protocol.hub_api import HubApi
from hubfleet.testing.builds import LOCK, FakeBuildAgent
from hubfleet.testing.clock import FakeClock

ORIGIN = "http://ocean.localhost:8000"
SERVICE_TOKEN = "service-token-of-the-portal"
ACCESS = "access:services!service=portal"
PORTAL = "/services/portal/"
REPOSITORY = "https://git.test/ann/waves"


class QuickClock(FakeClock):
    """Turned by hand only; who sleeps has a short rest, so that background tasks leave time to others."""

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0.002)


class FakeHub:
    """Knows some tokens, and gives one for each code."""

    def __init__(self) -> None:
        self.tokens: dict[str, dict[str, object]] = {}
        self.codes: dict[str, tuple[str, str]] = {}
        """Token and challenge for each code."""
        self.answers_with = 200
        self.asked = 0
        self.app = Starlette(
            routes=[
                Route("/hub/api/user", self.user),
                Route("/hub/api/oauth2/token", self.token, methods=["POST"]),
            ]
        )

    def person(self, name: str, *scopes: str, kind: str = "user", groups: Sequence[str] = ()) -> str:
        """Return a new token of somebody."""
        token = f"token-of-{name}-{secrets.token_hex(4)}"
        self.tokens[token] = {"kind": kind, "name": name, "groups": list(groups), "scopes": list(scopes or [ACCESS])}
        return token

    async def user(self, request: Request) -> JSONResponse:
        self.asked += 1
        if self.answers_with != 200:
            return JSONResponse({}, self.answers_with)
        model = self.tokens.get(request.headers["authorization"].partition(" ")[2])
        return JSONResponse({"status": 403}, 403) if model is None else JSONResponse(model)

    async def token(self, request: Request) -> JSONResponse:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        token, challenge = self.codes.pop(form["code"], ("", ""))
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        right = base64.urlsafe_b64encode(digest).decode().rstrip("=") == challenge
        known = (form["client_id"], form["client_secret"]) == ("service-portal", SERVICE_TOKEN)
        if not (right and known and form["redirect_uri"] == f"{PORTAL}oauth_callback"):
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse({"access_token": token, "token_type": "Bearer"})

    def authorize(self, location: str, token: str) -> str:
        """Return where the hub sends a browser back to, once its person has signed in."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_hex(4)
        self.codes[code] = (token, asked["code_challenge"])
        return f"{asked['redirect_uri']}?code={code}&state={asked['state']}"


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
