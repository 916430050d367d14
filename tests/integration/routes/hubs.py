"""Real JupyterHubs behind the proxy, and people in front of it, for tests."""

import http.cookies
import sys
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import programs
from hubfleet._kit import process
from integration.routes.locks import one_at_a_time
from programs import Answer, Programs, Running

_CONFIG = """
import json, pathlib
c = get_config()
c.JupyterHub.bind_url = c.JupyterHub.public_url = {public!r}
c.JupyterHub.hub_bind_url = c.JupyterHub.hub_connect_url = "http://127.0.0.1:{port}"
c.JupyterHub.cleanup_servers = False
c.JupyterHub.cleanup_proxy = False
c.JupyterHub.db_url = "sqlite:///{folder}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{folder}/cookie_secret"
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/homes/{{username}}"
c.Spawner.hub_connect_url = "http://127.0.0.1:{internal}"
c.Spawner.cmd = [{python!r}, "-m", "jupyterhub.singleuser"]
c.Spawner.args = ["--allow-root", "--HubOAuth.cache_max_age=0"]
c.Spawner.http_timeout = c.Spawner.start_timeout = 120
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api}"
c.ConfigurableHTTPProxy.auth_token = pathlib.Path({token_file!r}).read_text().strip()
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = "quay"
c.Authenticator.allow_all = True
c.JupyterHub.allow_named_servers = True
c.JupyterHub.services = [{{"name": "test", "api_token": "api-token-of-{name}-0123456789"}}]
c.JupyterHub.load_roles = [{{"name": "test", "services": ["test"], "scopes": [
    "admin:users", "admin:servers", "access:servers", "proxy"]}}]
{more}
"""


@dataclass
class Hub:
    """One real JupyterHub."""

    name: str
    running: Programs
    folder: Path
    port: int
    front: int
    program: Running | None = None
    config: str = ""

    @property
    def host(self) -> str:
        """Its address."""
        return f"{self.name}.localhost"

    def start(self) -> None:
        """Start it, and wait until it answers through the proxy."""
        (self.folder / "config.py").write_text(self.config)
        command = [sys.executable, "-m", "jupyterhub", "-f", str(self.folder / "config.py")]
        self.program = self.running.start(f"hub-{self.name}", command, cwd=self.folder)
        self.wait_up()

    def wait_up(self) -> None:
        """Wait until it answers through the proxy."""
        assert self.program
        self.program.wait_http(self.front, "/hub/api/", host=f"{self.host}:{self.front}", below=400)

    def api(self, method: str, path: str, body: str | None = None) -> Answer:
        """Call its REST API as an admin."""
        headers = {"Authorization": f"token api-token-of-{self.name}-0123456789"}
        return programs.ask(
            self.front, f"/hub/api{path}", host=f"{self.host}:{self.front}", method=method, headers=headers, body=body
        )


def singleuser_python() -> Path:
    """Return the Python of an environment with JupyterLab, made at first use below the project's cache folder."""
    folder = Path(__file__).parents[3] / ".cache" / "singleuser"
    python = folder / "bin" / "python"
    with one_at_a_time(folder.with_suffix(".lock")):
        if not (folder / "complete").exists():
            uv = str(Path(sys.executable).with_name("uv"))
            process.run([uv, "venv", "--clear", "--python", sys.executable, str(folder)])
            packages = [f"jupyterhub=={version('jupyterhub')}", "jupyterlab>=4.4,<5"]
            install = [uv, "pip", "install", "--python", str(python), "--compile-bytecode", *packages]
            process.run(install, timeout_s=600)
            (folder / "complete").touch()
    return python


def make_hub(running: Programs, proxy_settings: object, name: str, *, more: str = "") -> Hub:
    """Return a hub for one of the hubs of a proxy's settings; not started yet."""
    settings = proxy_settings
    mine = next(hub for hub in settings.hubs if hub.name == name)  # type: ignore[attr-defined]
    front = settings.listen[0].port  # type: ignore[attr-defined]
    folder = running.folder / f"hub-{name}-data"
    (folder / "homes").mkdir(parents=True)
    hub = Hub(name, running, folder, programs.free_port(), front)
    hub.config = _CONFIG.format(
        python=str(singleuser_python()),
        public=f"http://{hub.host}:{front}/",
        port=hub.port,
        folder=folder,
        internal=mine.internal.port,
        api=settings.api.port,  # type: ignore[attr-defined]
        token_file=mine.token_file,
        name=name,
        more=more,
    )
    return hub


@dataclass
class Person:
    """A person with a browser: keeps cookies by host, follows redirects to `*.localhost`."""

    port: int
    cookies: dict[tuple[str, str], str] = field(default_factory=dict)

    def get(self, host: str, path: str, *, follow: int = 12, body: dict[str, str] | None = None) -> Answer:
        """Open a page, following redirects; with a body, send a form."""
        jar = "; ".join(f"{name}={value}" for (at, name), value in self.cookies.items() if at == host)
        headers = {"Accept": "text/html", "Cookie": jar, "Referer": f"http://{host}:{self.port}{path}"}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        answer = programs.ask(
            self.port,
            path,
            host=f"{host}:{self.port}",
            method="GET" if body is None else "POST",
            headers=headers,
            body=None if body is None else urlencode(body),
        )
        for cookie in answer.cookies:
            for morsel in http.cookies.SimpleCookie(cookie).values():
                self.cookies[host, morsel.key] = morsel.coded_value
        if answer.status in {301, 302, 303, 307, 308} and follow:
            to = urlsplit(answer.headers["location"])
            query = f"?{to.query}" if to.query else ""
            return self.get(to.hostname or host, f"{to.path}{query}", follow=follow - 1)
        return answer

    def sign_in(self, host: str, name: str) -> Answer:
        """Sign in to a hub."""
        self.get(host, "/hub/login")
        xsrf = self.cookies.get((host, "_xsrf"), "")
        return self.get(host, "/hub/login?next=/hub/token", body={"username": name, "password": "quay", "_xsrf": xsrf})
