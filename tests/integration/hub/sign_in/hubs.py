"""A real JupyterHub that people sign in to, without a proxy and without servers; and people with a browser."""

import html
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

import programs
from hubfleet.model.hub import Hub
from hubfleet.model.settings.hub import HubProgram
from programs import Programs, Running, wait_for

PASSWORD = "ropes and anchors"
ADMIN_PASSWORD = "the harbour master keeps the lighthouse lit"
SECRETS = {
    "shared-password": PASSWORD,
    "admin-password": ADMIN_PASSWORD,
    "client-secret": "client-secret-of-the-test",
    "crypt": "5a" * 32,
}
API_TOKEN = "api-token-of-the-test-0123456789"

_CONFIG = """
from pathlib import Path
from jupyterhub.proxy import Proxy
from hubfleet.hub.sign_in.set_up import set_up
from hubfleet.model.settings.hub import HubProgram


class NoProxy(Proxy):
    should_start = False
    async def add_route(self, routespec, target, data): pass
    async def delete_route(self, routespec): pass
    async def get_all_routes(self): return {}


folder = Path(__file__).parent
program = HubProgram.model_validate_json((folder / "program.json").read_text())
c = get_config()
c.JupyterHub.bind_url = c.JupyterHub.public_url = program.public_url + "/"
c.JupyterHub.hub_bind_url = c.JupyterHub.hub_connect_url = program.public_url
c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.db_url = program.database
c.JupyterHub.cookie_secret_file = str(folder / "cookie_secret")
c.JupyterHub.services = [{"name": "test", "api_token": "TOKEN"}]
c.JupyterHub.load_roles = [{"name": "test", "services": ["test"],
    "scopes": ["admin:users", "read:users", "admin:groups", "tokens"]}]
set_up(c, program, lambda name: (folder / "secrets" / name).read_text().strip())
c.Authenticator.auth_refresh_age = 1
""".replace("TOKEN", API_TOKEN)


def hub_settings(sign_in: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a hub's settings around its sign-in."""
    fixed = {"name": "ocean", "title": "Ocean Lab", "cluster": "here", "servers_on": ["here"]}
    return {**fixed, "sign_in": sign_in, "host": "127.0.0.1", "url": "", "user_subdomains": False, **more}


def make_program(folder: Path, port: int, settings: dict[str, Any]) -> HubProgram:
    """Return what a hub's process would be told."""
    return HubProgram.model_validate(
        {
            "fleet": "test",
            "uuid": "6f0a2f0c-8c39-4b5e-9d53-6f5f6a4b1c11",
            "hub": Hub.model_validate(settings),
            "public_url": f"http://127.0.0.1:{port}",
            "user_subdomains": False,
            "bind_port": port,
            "routes_url": "http://127.0.0.1:9",
            "agents": [],
            "folder": str(folder),
            "database": f"sqlite:///{folder}/hub.sqlite",
            "secrets": str(folder / "secrets"),
        }
    )


@dataclass
class RealHub:
    """One JupyterHub, which can be stopped and started again with other settings."""

    running: Programs
    folder: Path
    port: int = field(default_factory=programs.free_port)
    program: Running | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self, sign_in: dict[str, Any], *, more_config: str = "", **settings: Any) -> HubProgram:
        """Start it, ending it first where it runs."""
        if self.program is not None:
            self.program.end()
        (self.folder / "secrets").mkdir(parents=True, exist_ok=True)
        for name, text in SECRETS.items():
            (self.folder / "secrets" / name).write_text(text)
        told = make_program(self.folder, self.port, hub_settings(sign_in, **settings))
        (self.folder / "program.json").write_text(told.model_dump_json())
        (self.folder / "config.py").write_text(_CONFIG + more_config)
        command = [sys.executable, "-m", "jupyterhub", "-f", str(self.folder / "config.py")]
        self.program = self.running.start("hub", command, cwd=self.folder)
        self.program.wait_http(self.port, "/hub/api/", below=400)
        return told

    def api(self, method: str, path: str, *, token: str = API_TOKEN, **more: Any) -> httpx.Response:
        """Call its REST API."""
        headers = {"Authorization": f"token {token}"}
        return httpx.request(method, f"{self.url}/hub/api{path}", headers=headers, timeout=30, **more)

    def person(self, name: str) -> dict[str, Any]:
        """Return what the hub knows of a person."""
        found: dict[str, Any] = self.api("GET", f"/users/{name}").json()
        return found

    def browser(self) -> "Browser":
        """Return somebody's new browser."""
        return Browser(self.url)


class Browser:
    """A browser without JavaScript: keeps cookies, follows redirects, sends the forms that pages show."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = httpx.Client(base_url=url, follow_redirects=True, timeout=30)

    def get(self, path: str) -> httpx.Response:
        """Open a page."""
        return self.client.get(path)

    def send(self, page: httpx.Response, *, button: str = "", **fields: str) -> httpx.Response:
        """Send the form of a page, the one that contains `button` where there are several."""
        for match in re.finditer(r"<form\b([^>]*)>(.*?)</form>", page.text, re.DOTALL):
            if button in match[2]:
                break
        else:
            raise AssertionError(f"no form with {button!r} in {page.url}: {page.text[:3000]}")
        action = re.search(r'action=["\']([^"\']*)["\']', match[1])
        data = {}
        for given in re.findall(r"<input\b[^>]*>", match[2]):
            name, value = (re.search(rf'\b{key}="([^"]*)"', given) for key in ("name", "value"))
            if name:
                data[html.unescape(name[1])] = html.unescape(value[1]) if value else ""
        data.update(fields)
        where = urljoin(str(page.url), html.unescape(action[1]) if action else "")
        return self.client.post(where, data=data, headers={"Referer": str(page.url)})

    def sign_in(self, name: str, password: str, *, after: str = "/hub/home") -> httpx.Response:
        """Sign in by the hub's own form."""
        return self.send(self.get(f"/hub/login?next={after}"), username=name, password=password)

    def signed_in(self) -> bool:
        """Say whether the hub knows who this is."""
        answer = self.client.get("/hub/home", follow_redirects=False)
        return answer.status_code == 200

    def wait_out(self) -> None:
        """Wait until the hub knows this browser no longer."""
        wait_for("signed out", lambda: not self.signed_in(), timeout_s=20)

    def location(self, path: str) -> str:
        """Return where a page redirects to."""
        answer = self.client.get(path, follow_redirects=False)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]


def at(url: httpx.URL | str) -> str:
    """Return host, port and path of an address."""
    parts = urlsplit(str(url))
    return f"{parts.netloc}{parts.path}"
