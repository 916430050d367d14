"""What a request may be at all: sizes of names and options, the hub's own folders, the cluster's ceilings. Pure."""

import re

from hubfleet.agent.refusals import CeilingError
from hubfleet.model.settings.agent import AgentCeilings, AgentSettings
from hubfleet.protocol.messages import ServerRequest

MAX_NAME = 255
MAX_VARIABLES = 200
MAX_VARIABLE_BYTES = 16_384
MAX_ALL_VARIABLES_BYTES = 49_152
"""They travel through one pipe's buffer of 64 KiB, with room for what the agent adds."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_SERVER_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DIGEST = re.compile(r"base|[0-9a-f]{64}")
_AGENT_SETS = {"JUPYTERHUB_SERVICE_URL", "JUPYTERHUB_API_URL", "JUPYTERHUB_ACTIVITY_URL"}


def check(server: str, request: ServerRequest, settings: AgentSettings) -> None:
    """Refuse what could never start.

    Raises:
        CeilingError: it says what is too large or unknown.
    """
    if not _SERVER_ID.fullmatch(server):
        raise CeilingError("a server's id is a UUID in lower case")
    if not _DIGEST.fullmatch(request.environment):
        raise CeilingError("an environment is `base` or a SHA-256 digest in hexadecimal")
    if request.generation.tzinfo is None:
        raise CeilingError("a generation needs a time zone")
    for what, name in {"person": request.person, "server name": request.server_name}.items():
        if len(name.encode(errors="replace")) > MAX_NAME or not all(char.isprintable() for char in name):
            raise CeilingError(f"the {what} is longer than {MAX_NAME} bytes, or has characters that do not print")
    if not request.person:
        raise CeilingError("the person has no name")
    if len(request.default_url) > 2000:
        raise CeilingError("the default URL is longer than 2,000 characters")
    _check_variables(request)
    _check_resources(request, settings.ceilings)
    _check_folders(request, settings)


def same_options(left: ServerRequest, right: ServerRequest) -> bool:
    """Say whether two requests ask for the same, apart from what the agent itself sets."""
    return _plain(left) == _plain(right)


def _plain(request: ServerRequest) -> str:
    variables = {name: value for name, value in sorted(request.variables.items()) if name not in _AGENT_SETS}
    return request.model_copy(update={"variables": variables}).options()


def _check_variables(request: ServerRequest) -> None:
    pairs = [*request.variables.items()]
    pairs += [(name, value.get_secret_value()) for name, value in request.secrets.variables.items()]
    pairs += [("JUPYTERHUB_API_TOKEN", request.secrets.api_token.get_secret_value())]
    if len(pairs) > MAX_VARIABLES:
        raise CeilingError(f"more than {MAX_VARIABLES} variables")
    sizes = []
    for name, value in pairs:
        size = len(value.encode(errors="surrogatepass"))
        if not _VARIABLE.fullmatch(name) or "\0" in value or size > MAX_VARIABLE_BYTES:
            raise CeilingError(f"variable {name[:50]!r} has a name or a value that no process can have")
        sizes.append(size + len(name))
    if sum(sizes) > MAX_ALL_VARIABLES_BYTES:
        raise CeilingError(f"all variables together are larger than {MAX_ALL_VARIABLES_BYTES} bytes")


def _check_resources(request: ServerRequest, ceilings: AgentCeilings) -> None:
    wanted = request.resources
    for name, value, most, unit in (
        ("cpu", wanted.cpu, ceilings.cpu, "cores"),
        ("memory_gib", wanted.memory_gib, ceilings.memory_gib, "GiB"),
    ):
        if not 0 < value <= most:
            raise CeilingError(
                f"{name} is {value:g}, and this cluster gives a server up to {most:g} {unit}",
                hint="choose a smaller profile, or raise `ceilings` in the cluster's file",
            )
    if not (0 <= wanted.cpu_guarantee <= wanted.cpu and 0 <= wanted.memory_guarantee_gib <= wanted.memory_gib):
        raise CeilingError("a guarantee is negative or above its limit")
    if wanted.memory_gib < 0.1 or wanted.cpu < 0.01:
        raise CeilingError("no server starts with less than 0.1 GiB or a hundredth of a core")


def _check_folders(request: ServerRequest, settings: AgentSettings) -> None:
    hub = settings.hub(request.hub)
    known = {folder.name: folder for folder in hub.folders} if hub else {}
    for folder in request.shared_folders:
        if folder.name not in known:
            raise CeilingError(f"the hub has no shared folder {folder.name[:50]!r} on this cluster")
        writers = known[folder.name].writers
        if folder.writable and writers is not None and request.person not in writers:
            raise CeilingError(f"{request.person!r} may not write to the shared folder {folder.name!r}")
    if len({folder.name for folder in request.shared_folders}) != len(request.shared_folders):
        raise CeilingError("a shared folder is named twice")
