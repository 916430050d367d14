"""What one server sees and is told inside its sandbox, from its request; reads nothing but the start program."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit, urlunsplit

from hubfleet.agent.launchers import copies, copy_update, kernel, sandbox, singleuser, start_script
from hubfleet.agent.launchers.base import LaunchRequest
from hubfleet.agent.launchers.groups import GIB
from hubfleet.agent.launchers.layered import over
from hubfleet.agent.launchers.sandbox import (
    CONTENT,
    COPIES_PROGRAM,
    COPY_UPDATE_PROGRAM,
    HOME,
    KERNEL_PROGRAM,
    SHARED,
    START_PROGRAM,
    START_SCRIPT_PROGRAM,
    Bind,
    Sandbox,
)
from hubfleet.errors import LaunchError
from hubfleet.protocol.messages import ServerRequest, ServerResources

UID = 1000
"""The user id inside, where bubblewrap runs as an ordinary user and all people share one outside."""
# as `-m jupyterhub.singleuser`, but rfc3987_syntax, which spends half of a start's processor time on building a grammar
# for format checks of IRIs that no schema of Jupyter's asks for, counts as not installed
_SERVER = """\
import runpy, sys
sys.modules["rfc3987_syntax"] = None
runpy.run_module("jupyterhub.singleuser", run_name="__main__", alter_sys=True)
"""
# JupyterLab would ask each person at first whether it may fetch news, and tell of versions they cannot install
_LAB_SETTINGS = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}
_LAB_SETTINGS_FILE = "/etc/jupyter/labconfig/default_setting_overrides.json"
_SERVER_SETTINGS_FILE = "/etc/jupyter/jupyter_server_config.json"
_NAME_DIGITS = 12
START_SCRIPT_S = 90.0
"""How long a repository's `start` may take; shorter than what a whole start may, so that the reason is told."""


@dataclass(frozen=True)
class Setting:
    """What is the same for all servers of an agent."""

    as_root: bool
    """Whether people have user ids of their own."""
    python_prefix: Path
    """Where the Python of the environments is installed."""
    own_network: bool
    name_servers: Sequence[str]
    hub_address: Callable[[str, int], str]
    """Turns address and port of the hub's listener into host:port as a server reaches it."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """The machine's own environment variables for all servers (certificates, proxies)."""


def require_kernel(request: LaunchRequest) -> None:
    """Look whether notebooks could run in the environment; the base software has what it needs.

    Raises:
        LaunchError: it has no Python kernel.
    """
    environment = request.environment
    if environment is not None and not any(environment.glob("lib/python3*/site-packages/ipykernel/kernelapp.py")):
        raise LaunchError(
            "this environment has no Python kernel, so that no notebook could run in it",
            hint="add `ipykernel` to what its repository requires and open its link again, "
            "or start with the hub's own software",
        )


def box(request: LaunchRequest, system: Sequence[Bind], setting: Setting) -> Sandbox:
    """Return what a server sees."""
    uid = request.uid if setting.as_root else UID
    writable = {folder.name for folder in request.request.shared_folders if folder.writable}
    software = {request.prefix: request.prefix, request.software: request.environment or request.prefix}
    seen, overlays = over(system, request.layer) if request.layer else (system, [])
    binds = [*seen, *(Bind(path, PurePosixPath(at)) for at, path in software.items())]
    binds.append(Bind(request.home, HOME, writable=True))
    if not setting.python_prefix.is_relative_to("/usr"):
        binds.append(Bind(setting.python_prefix, PurePosixPath(setting.python_prefix)))
    binds += [Bind(path, SHARED / name, writable=name in writable) for name, path in request.folders.items()]
    if request.content is not None:
        binds.append(Bind(request.content, CONTENT))
    texts = sandbox.accounts(uid, {gid: name for name, gid in request.groups.items()} if setting.as_root else {})
    texts["/etc/resolv.conf"] = "".join(f"nameserver {server}\n" for server in setting.name_servers)
    texts[_LAB_SETTINGS_FILE] = json.dumps(_LAB_SETTINGS)
    texts[_SERVER_SETTINGS_FILE] = json.dumps(_server_settings(request.request))
    texts[str(START_PROGRAM)] = Path(singleuser.__file__).read_text()
    texts[str(KERNEL_PROGRAM)] = Path(kernel.__file__).read_text()
    if request.content is not None:
        texts[str(COPIES_PROGRAM)] = Path(copies.__file__).read_text()
        texts[str(COPY_UPDATE_PROGRAM)] = Path(copy_update.__file__).read_text()
    if request.start_script:
        texts[str(START_SCRIPT_PROGRAM)] = Path(start_script.__file__).read_text()
    return Sandbox(
        uid,
        setting.as_root,
        binds,
        texts,
        unshare_network=setting.own_network,
        groups=sorted(request.groups.values()) if setting.as_root else (),
        overlays=overlays,
    )


def instructions(request: LaunchRequest, facts: Mapping[str, str], setting: Setting) -> dict[str, object]:
    """Return what the start program is told.

    Args:
        request: what is wanted.
        facts: with `address` and `port`, where the server shall listen.
        setting: what is the same for all.
    """
    return {
        "program": str(START_PROGRAM),
        "home": str(HOME),
        "content": _content(request),
        "shared": str(SHARED) if request.folders else "",
        "software": str(request.software),
        "environment": "" if request.environment is None else request.request.environment[:_NAME_DIGITS],
        # what is made in a shared folder is for its group
        "umask": 0o007 if request.folders else 0o027,
        "variables": {**setting.variables, **variables(request, facts, setting)},
        "command": [*_around(request), str(request.prefix / "bin" / "python"), "-c", _SERVER],
    }


def _server_settings(request: ServerRequest) -> dict[str, object]:
    """Return Jupyter's settings: no pages of nbgitpuller's, and who is not signed in uses a token, never cookies.

    A file rather than variables, which a forked server would read too late.
    https://jupyter-server.readthedocs.io/en/latest/other/full-config.html, `ServerApp.allow_origin`;
    https://jupyterhub.readthedocs.io/en/stable/reference/api/services.auth.html, `HubAuth.allow_token_in_url`
    """
    # a link to them would put any repository's files into the home, unasked
    server: dict[str, object] = {"jpserver_extensions": {"nbgitpuller": False}}
    settings: dict[str, object] = {"ServerApp": server}
    if request.token_in_address:
        settings["HubOAuth"] = {"allow_token_in_url": True}
    if "*" in request.allowed_origins:
        server |= {"allow_origin": "*", "allow_credentials": False}
    elif request.allowed_origins:
        pattern = "|".join(re.escape(origin) for origin in request.allowed_origins)
        server |= {"allow_origin_pat": f"^(?:{pattern})$", "allow_credentials": False}
    return settings


def _around(request: LaunchRequest) -> list[str]:
    """Return what runs a repository's `start` around the server's command; empty: it has none."""
    if not request.start_script:
        return []
    python = str(request.prefix / "bin" / "python")
    return [python, "-I", str(START_SCRIPT_PROGRAM), request.start_script, str(START_SCRIPT_S)]


def _content(request: LaunchRequest) -> dict[str, str]:
    """Return what the start program is told of a repository's files; empty: there are none."""
    wanted = request.request.content
    if wanted is None or request.content is None:
        return {}
    classic = "/notebooks" if wanted.open.endswith(".ipynb") else "/tree"
    page = classic if request.request.app == "notebook" else "/lab/tree"
    return {
        "from": str(CONTENT),
        "python": str(request.prefix / "bin" / "python"),
        "update": "" if request.request.content_beside else "yes",
        # an empty home becomes the repository, as links of Binder's expect
        "folder": "" if request.request.fresh_home else wanted.folder,
        "repository": wanted.repository,
        "commit": wanted.commit,
        "open": wanted.open,
        "page": "" if request.request.default_url else page,
        "server": request.server,
        "start": request.start_script,
    }


def variables(request: LaunchRequest, facts: Mapping[str, str], setting: Setting) -> dict[str, str]:
    """Return a server's environment variables: the hub's, with the addresses that hold on this cluster."""
    wanted, secrets = request.request, request.request.secrets
    token = secrets.api_token.get_secret_value()
    # the server's own are found too, so that a terminal has `jupyter nbconvert`, but only after the environment's
    programs = [f"{software}/bin" for software in dict.fromkeys((request.software, request.prefix))]
    result = {
        "PATH": ":".join([*programs, "/usr/local/bin", "/usr/bin", "/bin"]),
        "LANG": "C.UTF-8",
        "SHELL": "/bin/bash",
        **wanted.variables,
        **{name: value.get_secret_value() for name, value in secrets.variables.items()},
        "HOME": str(HOME),
        # kernels start in a full home too, so that it can be tidied
        "JUPYTER_RUNTIME_DIR": "/tmp/.jupyter-runtime",  # noqa: S108 - the server's own
        "USER": "jovyan",
        "JUPYTERHUB_API_TOKEN": token,
        "JPY_API_TOKEN": token,
        **_limits(wanted.resources),
    }
    hub = urlsplit(request.hub_url)
    own = setting.hub_address(hub.hostname or "", hub.port or 80)
    for name in ("JUPYTERHUB_API_URL", "JUPYTERHUB_ACTIVITY_URL"):
        path = urlsplit(result.get(name, "")).path
        if path:
            result[name] = urlunsplit((hub.scheme or "http", own, path, "", ""))
    prefix = result.get("JUPYTERHUB_SERVICE_PREFIX", "/")
    result["JUPYTERHUB_SERVICE_URL"] = f"http://{facts['address']}:{facts['port']}{prefix}"
    landing = wanted.default_url or result.get("JUPYTERHUB_DEFAULT_URL", "")
    result["JUPYTERHUB_DEFAULT_URL"] = landing or ("/tree" if wanted.app == "notebook" else "/lab")
    return result


def _limits(resources: ServerResources) -> dict[str, str]:
    """Return the variables by which JupyterHub's spawners tell servers of their limits, and which Lab's display reads.

    https://jupyterhub.readthedocs.io/en/stable/reference/api/spawner.html: bytes, and cores.
    """
    return {
        "MEM_LIMIT": str(int(resources.memory_gib * GIB)),
        "MEM_GUARANTEE": str(int(resources.memory_guarantee_gib * GIB)),
        "CPU_LIMIT": f"{resources.cpu:g}",
        "CPU_GUARANTEE": f"{resources.cpu_guarantee:g}",
    }
