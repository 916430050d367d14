"""The other side: JupyterHub as it comes, with SimpleLocalProcessSpawner and configurable-http-proxy from npm.

Its servers run the very same files as hubfleet's: the base software of the agents, compiled.
"""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agents import SOFTWARE, processes_with
from benchmarks.hubs import SCOPES, TOKEN, Hub
from benchmarks.proxy import CHP_TOKEN, start_real
from hubfleet._kit import process
from programs import Programs, Running, free_port, started

AGAINST = "SimpleLocalProcessSpawner"
_MARK = "HUBFLEET_BENCHMARK"
_CONFIG = """
c = get_config()
c.JupyterHub.bind_url = "http://127.0.0.1:{front}/"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.db_url = "sqlite:///{folder}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{folder}/cookie_secret"
c.JupyterHub.cleanup_servers = False
c.JupyterHub.cleanup_proxy = False
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/homes/{{username}}"
c.Spawner.cmd = [{python!r}, "-m", "jupyterhub.singleuser"]
c.Spawner.args = {arguments!r}
c.Spawner.environment = {{{mark!r}: "{folder}/server"}}
c.Spawner.http_timeout = c.Spawner.start_timeout = 300
c.Spawner.default_url = "/lab"
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api}"
c.ConfigurableHTTPProxy.auth_token = {proxy_token!r}
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = "not used in here"
c.Authenticator.allow_all = True
culler = [{hub_python!r}, "-m", "jupyterhub_idle_culler", "--timeout=3600"]
c.JupyterHub.services = [
    {{"name": "bench", "api_token": {token!r}}},
    {{"name": "culler", "command": culler, "environment": {{{mark!r}: "{folder}/culler"}}}},
]
c.JupyterHub.load_roles = [
    {{"name": "bench", "services": ["bench"], "scopes": {scopes!r}}},
    {{"name": "culler", "services": ["culler"],
      "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"]}},
]
"""


@dataclass
class Stock:
    """One such hub."""

    running: Programs
    folder: Path
    hub: Hub
    proxy_pid: int
    program: Running | None = None

    def start(self) -> None:
        """Start the hub and wait until it answers through the proxy."""
        command = [sys.executable, "-m", "jupyterhub", "-f", str(self.folder / "config.py")]
        self.program = self.running.start("hub", command, cwd=self.folder)
        self.program.wait_http(self.hub.port, "/hub/api/", below=400)

    @property
    def pid(self) -> int:
        """The hub's process."""
        assert self.program
        return self.program.pid

    def servers(self) -> list[int]:
        """Return the processes of all servers."""
        return [item.pid for item in processes_with(f"{_MARK}={self.folder}/server")]

    def programs(self) -> list[int]:
        """Return the processes of all that a start needs beside the server."""
        return [self.pid, self.proxy_pid]

    def cullers(self) -> list[int]:
        """Return the processes of the culler."""
        return [item.pid for item in processes_with(f"{_MARK}={self.folder}/culler")]


@contextmanager
def stock() -> Iterator[Stock]:
    """Give such a hub; nothing of it is left afterwards."""
    with tempfile.TemporaryDirectory(prefix="hf-stock-") as name, started(Path(name)) as running:
        folder = Path(name)
        (folder / "homes").mkdir()
        front, api, proxy_pid = start_real(running)
        made = Stock(running, folder, Hub("stock", front, f"127.0.0.1:{front}"), proxy_pid)
        text = _CONFIG.format(
            front=front,
            port=free_port(),
            folder=folder,
            python=str(software_python()),
            arguments=["--allow-root"] if os.geteuid() == 0 else [],
            mark=_MARK,
            api=api,
            proxy_token=CHP_TOKEN,
            hub_python=sys.executable,
            token=TOKEN,
            scopes=list(SCOPES),
        )
        (folder / "config.py").write_text(text)
        made.start()
        try:
            yield made
        finally:
            running.end()
            for left in processes_with(f"{_MARK}={folder}/"):
                process.send(left, signal.SIGKILL)


def software_python() -> Path:
    """Return the Python of the base software that agents make for all tests, newest first."""
    found = sorted(SOFTWARE.glob("environments/*/.hubfleet-complete"), key=lambda path: path.stat().st_mtime)
    assert found, "no base software yet: bring a fleet up first"
    return found[-1].parent / "bin" / "python"
