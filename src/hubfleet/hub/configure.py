"""Sets up an unmodified JupyterHub: the one place where a hub's parts are put together.

Called by the two-line `jupyterhub_config.py` that apply writes, while JupyterHub reads its configuration inside its
own loop.
"""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hubfleet._kit.aio import guarded
from hubfleet.hub import database, document, look, portal, roles, strays
from hubfleet.hub.agents import AgentLink
from hubfleet.hub.context import HubContext
from hubfleet.hub.sign_in.set_up import set_up
from hubfleet.hub.spawner import AgentSpawner
from hubfleet.hub.stops import Stops
from hubfleet.hub.subdomains import hook
from hubfleet.model.settings.hub import HubProgram
from hubfleet.protocol.client import AgentClient
from hubfleet.protocol.signing import CallerKey

STOPS_AGAIN_S = 5.0
NAMES_KEPT = 100
"""How many names of servers JupyterHub keeps for a person; stopped ones count there, but not for `named_servers`."""
CULLER_SCOPES = ("list:users", "read:users:activity", "read:servers", "delete:servers")
"""What jupyterhub-idle-culler asks for."""


def configure(c: Any, settings: str) -> None:
    """Fill JupyterHub's configuration for one hub.

    Args:
        c: JupyterHub's configuration object.
        settings: path of the hub's `HubProgram` document.
    """
    program = HubProgram.model_validate_json(Path(settings).read_text())

    def secret(name: str) -> str:
        return (Path(program.secrets) / name).read_text().strip()

    database.check(program.database)
    _addresses(c, program)
    _state(c, program, secret("cookie"))
    _proxy(c, program, secret("routes-token"))
    _spawner(c, program, secret)
    set_up(c, program, secret)
    roles.set_up(c, program, check_token=secret("check-token"))
    look.set_up(c, program)
    if program.culled:
        roles.add_service(
            c, {"name": "idle-culler", "api_token": secret("culler-token"), "display": False}, CULLER_SCOPES
        )
    if program.portal_url:
        portal.set_up(c, program, secret)
    for name, traits in program.hub.jupyterhub.items():
        c[name].update(traits)
    if program.python_file:
        _run_python_file(c, program.python_file)
    roles.define_scopes(c)
    if program.portal_url:
        portal.open_to_people(c)


def _addresses(c: Any, program: HubProgram) -> None:
    """Browsers' address, and the one behind the proxy; several hubs share a port and differ by host."""
    public = f"{program.public_url}/"
    c.JupyterHub.bind_url = public
    c.JupyterHub.public_url = public
    c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{program.bind_port}"
    c.JupyterHub.hub_connect_url = f"http://127.0.0.1:{program.bind_port}"
    if program.user_subdomains:
        c.JupyterHub.subdomain_host = program.public_url
        c.JupyterHub.subdomain_hook = hook(urlsplit(program.public_url).hostname or "")
        # no page of a person's address can then set a cookie that passes for the hub's; browsers ask for https
        c.JupyterHub.cookie_host_prefix_enabled = program.public_url.startswith("https://")


def _state(c: Any, program: HubProgram, cookie: str) -> None:
    c.JupyterHub.db_url = program.database
    c.JupyterHub.cookie_secret = bytes.fromhex(cookie)
    c.JupyterHub.cleanup_servers = False
    c.JupyterHub.cleanup_proxy = False
    c.JupyterHub.upgrade_db = True
    c.JupyterHub.init_spawners_timeout = 1
    c.ConfigurableHTTPProxy.pid_file = f"{program.folder}/proxy.pid"


def _proxy(c: Any, program: HubProgram, token: str) -> None:
    """JupyterHub's own class against `routes`, which speaks configurable-http-proxy's API."""
    c.ConfigurableHTTPProxy.should_start = False
    c.ConfigurableHTTPProxy.api_url = program.routes_url
    c.ConfigurableHTTPProxy.auth_token = token


def _spawner(c: Any, program: HubProgram, secret: Any) -> None:
    links = {}
    for agent in program.agents:
        key = CallerKey(f"hub-{program.hub.name}", Path(agent.key).read_text())
        links[agent.cluster] = AgentLink(agent.cluster, AgentClient(agent.address, cluster=agent.cluster, key=key))
    stops = Stops(Path(program.folder) / "stops.json")
    api = portal.api(program, secret)
    context = HubContext(program, links, stops, portal.document(program, api), api)
    c.JupyterHub.spawner_class = type("HubSpawner", (AgentSpawner,), {"context": context})
    c.JupyterHub.allow_named_servers = program.hub.named_servers > 0
    c.JupyterHub.named_server_limit_per_user = NAMES_KEPT
    c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 1}
    if program.public_url.startswith("https://"):
        # JupyterHub marks its own cookies so, but neither the one against forged requests nor those of servers
        c.JupyterHub.tornado_settings["cookie_options"] = {"secure": True}
    c.Spawner.apply_user_options = AgentSpawner.choose
    c.Spawner.start_timeout = 300
    c.Spawner.http_timeout = 60
    c.Spawner.poll_interval = 30
    c.Spawner.env_keep = []
    _background(context)


def _background(context: HubContext) -> None:
    """Begin what runs beside JupyterHub, on its own loop; nothing where only its configuration is read."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return
    collector = strays.Collector(context)
    for link in context.links.values():
        link.on_end = context.ended
        link.on_list = collector.listener(link)
        context.keep(loop.create_task(link.follow(), name=f"agent-{link.cluster}"))
    again = guarded("stops", lambda: context.stops.try_again(context.links), every_s=STOPS_AGAIN_S)
    context.keep(loop.create_task(again, name="stops"))
    if context.document is not None:
        asked = guarded("document", context.document.keep_up, every_s=document.EVERY_S)
        context.keep(loop.create_task(asked, name="document"))


def _run_python_file(c: Any, path: str) -> None:
    """Run the operator's own configuration file last, with `c` as JupyterHub would give it."""
    code = compile(Path(path).read_text(), path, "exec")
    exec(code, {"c": c, "get_config": lambda: c, "__file__": path})  # noqa: S102 - the operator's own file, by name
