"""A real JupyterHub, a real portal in front of an agent that only pretends, and people with browsers."""

import asyncio
import base64
import json
import sys
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

import programs
from hubfleet.errors import RefusedError
from hubfleet.protocol.builds import BuildRequest, BuildState
from hubfleet.protocol.messages import Problem
from hubfleet.protocol.signing import CallerKey
from hubfleet.testing.builds import FakeBuildAgent
from integration.hub.sign_in.hubs import Browser
from programs import Programs, Running, wait_for

PORTAL = "/services/portal/"
TOKEN = "token-of-the-portal-0123456789abcdef"
TEST_TOKEN = "token-of-the-test-0123456789abcdef"
REPOSITORY = "https://git.test/ann/waves"

_CONFIG = """
from jupyterhub.proxy import Proxy


class NoProxy(Proxy):
    should_start = False
    async def add_route(self, routespec, target, data): pass
    async def delete_route(self, routespec): pass
    async def get_all_routes(self): return {}


c = get_config()
c.JupyterHub.bind_url = c.JupyterHub.public_url = c.JupyterHub.hub_bind_url = "HUB/"
c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {"root"}
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.db_url = "sqlite:///FOLDER/hub.sqlite"
c.JupyterHub.cookie_secret_file = "FOLDER/cookie_secret"
c.JupyterHub.services = [
    {"name": "portal", "url": "PORTAL_URL", "api_token": "PORTAL_TOKEN", "oauth_no_confirm": True, "display": False,
     "timeout": 1, "oauth_client_allowed_scopes": ["admin-ui"]},
    {"name": "test", "api_token": "TEST_TOKEN"},
]
c.JupyterHub.load_roles = [
    {"name": "user", "scopes": ["self", "access:services!service=portal"]},
    {"name": "test", "services": ["test"], "scopes": ["admin:users", "tokens"]},
]
"""


@dataclass
class AgentOnSocket:
    """`FakeBuildAgent` behind the agent's HTTP API, in a thread of its own; it outlives the portal."""

    path: Path
    fake: FakeBuildAgent = field(init=False)
    signed_by: set[str] = field(default_factory=set)
    _loop: asyncio.AbstractEventLoop = field(init=False)
    _server: uvicorn.Server = field(init=False)

    def start(self) -> None:
        """Serve."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        wait_for("the agent's socket", self.path.exists)

    def end(self) -> None:
        """Serve no more."""
        self._server.force_exit = self._server.should_exit = True
        self._thread.join(20)

    def do(self, work: Callable[[FakeBuildAgent], Any]) -> Any:
        """Let something happen there, and return its result."""

        async def inside() -> Any:
            return work(self.fake)

        return asyncio.run_coroutine_threadsafe(inside(), self._loop).result(20)

    async def _serve(self) -> None:
        self.fake = FakeBuildAgent()
        self._loop = asyncio.get_running_loop()
        app = Starlette(
            routes=[
                Route("/v1/builds/{build}", self._put, methods=["PUT"]),
                Route("/v1/builds/{build}", self._get),
                Route("/v1/builds/{build}/stop", self._stop, methods=["POST"]),
                Route("/v1/builds/{build}/events", self._events),
            ],
            exception_handlers={RefusedError: _refused},
        )
        config = uvicorn.Config(app, uds=str(self.path), lifespan="off", log_config=None, timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        await self._server.serve()

    def _signed(self, request: Request) -> str:
        token = request.headers["authorization"].removeprefix("Hubfleet ")
        head = token.partition(".")[0]
        self.signed_by.add(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"])
        return str(request.path_params["build"])

    async def _put(self, request: Request) -> Response:
        build = await self.fake.start_build(
            self._signed(request), BuildRequest.model_validate_json(await request.body())
        )
        return JSONResponse(build.model_dump(mode="json"))

    async def _get(self, request: Request) -> Response:
        return JSONResponse((await self.fake.build(self._signed(request))).model_dump(mode="json"))

    async def _stop(self, request: Request) -> Response:
        return JSONResponse((await self.fake.stop_build(self._signed(request))).model_dump(mode="json"))

    async def _events(self, request: Request) -> Response:
        build, since = self._signed(request), int(request.query_params["since"])
        await self.fake.build(build)

        async def lines() -> AsyncIterator[str]:
            async for event in self.fake.build_events(build, since=since):
                yield f"id: {event.seq}\ndata: {event.model_dump_json()}\n\n"

        return StreamingResponse(lines(), media_type="text/event-stream")


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    problem = Problem(title="refused", status=error.status, detail=error.message)
    return JSONResponse(problem.model_dump(mode="json"), error.status)


class FrontDoor(httpx.BaseTransport):
    """Hub and portal under one address, as the proxy shows them."""

    def __init__(self, portal_port: int) -> None:
        self._http = httpx.HTTPTransport()
        self._portal_port = portal_port

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on, with the Host header that the browser sent."""
        if not request.url.path.startswith(PORTAL):
            return self._http.handle_request(request)
        # a copy: redirects are followed from the address that the browser asked for
        url = request.url.copy_with(port=self._portal_port)
        passed = httpx.Request(
            request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
        )
        return self._http.handle_request(passed)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()


@dataclass
class World:
    """All of it, in one folder."""

    running: Programs
    folder: Path
    hub_port: int = field(default_factory=programs.free_port)
    portal_port: int = field(default_factory=programs.free_port)
    agent: AgentOnSocket = field(init=False)
    hub: Running = field(init=False)
    portal: Running = field(init=False)

    @property
    def url(self) -> str:
        """The public address."""
        return f"http://127.0.0.1:{self.hub_port}"

    def start(self) -> None:
        """Start agent, portal and hub."""
        self.agent = AgentOnSocket(self.folder / "agent.sock")
        self.agent.start()
        self._write()
        self.start_portal()
        self.start_hub()

    def start_hub(self) -> None:
        """Start JupyterHub."""
        command = [sys.executable, "-m", "jupyterhub", "-f", str(self.folder / "config.py")]
        self.hub = self.running.start("hub", command, cwd=self.folder)
        self.hub.wait_http(self.hub_port, "/hub/api/", below=400, timeout_s=120)

    def start_portal(self) -> None:
        """Start the portal."""
        self.portal = self.running.start(
            "portal", [sys.executable, "-m", "hubfleet.portal", str(self.folder / "portal.json")]
        )
        self.portal.wait_http(self.portal_port, f"{PORTAL}health", below=400, timeout_s=120)

    def browser(self) -> Browser:
        """Return somebody's new browser."""
        browser = Browser(self.url)
        browser.client = httpx.Client(
            base_url=self.url, follow_redirects=True, timeout=60, transport=FrontDoor(self.portal_port)
        )
        browser.client.headers["Origin"] = self.url
        return browser

    def signed_in(self, name: str) -> Browser:
        """Return a browser that came to the portal by the hub's own sign-in."""
        browser = self.browser()
        page = browser.send(browser.get(f"{PORTAL}environments"), username=name, password="any")
        assert page.url.path == f"{PORTAL}environments", page.text[:2000]
        assert page.status_code == 200
        return browser

    def api(self, method: str, path: str, token: str, **more: Any) -> httpx.Response:
        """Call the portal's API with a token."""
        with httpx.Client(base_url=self.url, transport=FrontDoor(self.portal_port), timeout=60) as client:
            return client.request(method, f"{PORTAL}api{path}", headers={"Authorization": f"token {token}"}, **more)

    def token(self, person: str, **body: Any) -> str:
        """Let JupyterHub make a token for somebody."""
        headers = {"Authorization": f"token {TEST_TOKEN}"}
        answer = httpx.post(f"{self.url}/hub/api/users/{person}/tokens", headers=headers, json=body, timeout=60)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    def reached(self, token: str, build: str, state: BuildState) -> dict[str, Any]:
        """Wait until a build's record is in a state."""

        def there() -> dict[str, Any] | None:
            found: dict[str, Any] = self.api("GET", f"/builds/{build}", token).json()
            return found if found["state"] == state else None

        found = wait_for(f"the build is {state}", there, timeout_s=60)
        assert found
        return found

    def _write(self) -> None:
        secrets = self.folder / "secrets"
        secrets.mkdir()
        (secrets / "portal-token").write_text(TOKEN)
        (secrets / "portal-cookie").write_text("ab" * 32)
        (secrets / "agent-key").write_text(CallerKey.new("portal-ocean").jwk)
        config = _CONFIG.replace("HUB/", f"{self.url}/").replace("FOLDER", str(self.folder))
        config = config.replace("PORTAL_URL", f"http://127.0.0.1:{self.portal_port}")
        (self.folder / "config.py").write_text(config.replace("PORTAL_TOKEN", TOKEN).replace("TEST_TOKEN", TEST_TOKEN))
        settings = {
            "fleet": "test",
            "hub": "ocean",
            "title": "Ocean Lab",
            "public_url": self.url,
            "bind_port": self.portal_port,
            "hub_api": f"{self.url}/hub/api",
            "agents": [
                {
                    "cluster": "here",
                    "title": "Here",
                    "address": f"unix:{self.agent.path}",
                    "key": str(secrets / "agent-key"),
                }
            ],
            "profiles": {"small": "Small"},
            "folder": str(self.folder / "portal"),
            "secrets": str(secrets),
        }
        (self.folder / "portal.json").write_text(json.dumps(settings))
