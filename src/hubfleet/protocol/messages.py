"""What hub, portal, operator and agent say to each other (agent API v1).

Read leniently (a newer program may send more), written strictly. Tokens travel in `ServerSecrets` and `ServerAnswer`
only, which are never logged nor listed.
"""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field, SecretStr

from hubfleet.model.base import Message
from hubfleet.model.content import Content


class ServerState(StrEnum):
    """Where a server is between its request and its end."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def live(self) -> bool:
        """Whether something of it may still run."""
        return self not in {ServerState.STOPPED, ServerState.FAILED}


class StopReason(StrEnum):
    """Why a server ended; the word that pages, usage and logs share."""

    PERSON = "person"
    """Its person, or an admin, stopped it."""
    CULLED = "culled"
    """It was idle past the hub's limit, or older than its maximum age."""
    START_CHECK = "start-check"
    """The hub's check at its own start; ends nothing of unknown state."""
    STRAY = "stray"
    """No hub has known it for five minutes."""
    REPLACED = "replaced"
    """A newer start with other options took its place."""
    SHUTDOWN = "shutdown"
    """The whole fleet goes down."""
    FAILED = "failed"
    """It never came up."""
    MEMORY = "memory"
    """Its main process was killed for using more memory than its limit."""
    KILLED = "killed"
    """Something outside ended it by a signal."""
    EXITED = "exited"
    """It ended by itself."""
    TIME_LIMIT = "time-limit"
    """The cluster's own time limit for a job was over."""


class ServerResources(Message):
    """What one server may use."""

    cpu: float = 1.0
    """Cores at most."""
    cpu_guarantee: float = 0.0
    """Cores it gets even when others want them."""
    memory_gib: float = 1.0
    """GiB at most; what goes over it is killed."""
    memory_guarantee_gib: float = 0.0
    """GiB kept free for it."""


class SharedFolder(Message):
    """A folder of a hub that several people see below `shared/` in their homes."""

    name: str
    writable: bool = False


class ServerSecrets(Message):
    """What only the server itself may know: handed over by a file descriptor or the environment of its process."""

    api_token: SecretStr
    oauth_client_secret: SecretStr = SecretStr("")
    variables: dict[str, SecretStr] = {}
    """Further secret environment variables."""


class ServerRequest(Message):
    """`PUT /v1/servers/{id}`: let this server run."""

    hub: str
    """The hub's name; must be the caller's own."""
    person: str
    """JupyterHub's name of the person."""
    server_name: str = ""
    generation: datetime
    """The start time that JupyterHub commits before it calls `start`: a later one takes over."""
    environment: str = "base"
    """Digest of a lock, or `base` for the cluster's base software."""
    app: Literal["lab", "notebook"] = "lab"
    default_url: str = ""
    resources: ServerResources = ServerResources()
    variables: dict[str, str] = {}
    """Environment variables that hold no secret, JupyterHub's own (JUPYTERHUB_*) among them."""
    shared_folders: list[SharedFolder] = []
    home_quota_gib: float = 0.0
    """What the person's home may hold; 0: unlimited."""
    content: Content | None = None
    """Files that the server finds in a folder of its home; None: what is there already."""
    content_beside: bool = False
    """Whether they come into a folder of their own beside an earlier copy, rather than be merged into it."""
    fresh_home: bool = False
    """Start in an empty folder that goes when the server stops (temporary users, unknown repositories)."""
    allowed_origins: list[str] = []
    """Whose pages, beside its own, may use the server with a token in hand (CORS), such as `https://docs.example.org`;
    `*`: anybody's. Temporary users' servers only."""
    token_in_address: bool = False
    """Whether its pages take a token from their address: for who has no session at the hub. Temporary users only."""
    secrets: ServerSecrets

    def options(self) -> str:
        """Return what makes two requests the same: everything but generation and secrets, as canonical JSON."""
        return self.model_dump_json(exclude={"generation", "secrets"})


class Server(Message):
    """One server as its agent sees it; holds no secret."""

    id: str
    hub: str
    person: str
    server_name: str = ""
    generation: datetime
    state: ServerState
    url: str = ""
    """`http://ADDRESS:PORT`, how hub and proxy reach it; empty until it has one."""
    reason: StopReason | None = None
    message: str = ""
    """For its person: what happened, in plain words."""
    hint: str = ""
    """For its person: what to do next."""
    progress: int = 0
    """0-100 while it starts."""
    seq: int = 0
    """The number of its last change."""
    changed_at: datetime | None = None
    home_used_gib: float | None = None
    """What the home holds, where the quota is counted rather than kept by the file system."""


class ServerAnswer(Message):
    """The answer to a PUT: the server, and the token and OAuth secret that it really runs with."""

    server: Server
    api_token: SecretStr
    oauth_client_secret: SecretStr = SecretStr("")


class ServerList(Message):
    """`GET /v1/servers?since=SEQ`: what changed since, or all."""

    servers: list[Server]
    seq: int
    """Give it back as `since`."""
    complete: bool
    """Whether this is the whole list; only then may anything be concluded from what is missing."""
    cluster_ok: bool
    """Whether the cluster itself could be asked lately; if not, states may be old."""


class StopRequest(Message):
    """`POST /v1/servers/{id}/stop`."""

    reason: StopReason
    generation: datetime | None = None
    """Stop only this start of it or an earlier one; None: whatever runs."""


class Event(Message):
    """One step of a server's life, numbered without gaps per agent."""

    seq: int
    server: str
    at: datetime
    state: ServerState
    progress: int = 0
    message: str = ""
    reason: StopReason | None = None


class Ability(Message):
    """One thing that a cluster can or cannot do, in words for an operator."""

    name: Literal["sandbox", "own-uids", "network", "memory-limit", "cpu-limit", "process-limit", "home-quota"]
    state: Literal["full", "partly", "none"]
    detail: str = ""
    """How, or why not and what would change it."""


class Capabilities(Message):
    """`GET /v1/capabilities`."""

    cluster: str
    launcher: str
    version: str
    architecture: str
    abilities: list[Ability] = []
    environments: list[str] = []
    """Digests that are realised here."""
    base: Literal["absent", "realising", "ready", "failed"] = "absent"
    """State of the base software."""
    base_detail: str = ""
    base_digest: str = ""


class Capacity(Message):
    """`GET /v1/capacity`: what the cluster has and what is in use."""

    cpu: float
    memory_gib: float
    cpu_used: float = 0.0
    memory_gib_used: float = 0.0
    servers: int = 0
    servers_max: int = 0


class EnvironmentLock(Message):
    """`PUT /v1/environments/{digest}`: a lock that this cluster shall make an environment of."""

    lock: str
    """Canonical text: sorted lines of `name==version --hash=sha256:…`, and for conda's packages of
    `conda:CHANNEL/SUBDIR/FILE --hash=sha256:…`; its SHA-256 is the digest."""


class EnvironmentState(Message):
    """How far an environment is on a cluster."""

    digest: str
    state: Literal["absent", "realising", "ready", "failed"]
    detail: str = ""
    """The step that it is at, or why it failed."""
    hint: str = ""


class Home(Message):
    """A person's home on a cluster."""

    hub: str
    person: str
    used_gib: float | None = None
    """What it holds; None if it was not counted yet."""
    counted_at: datetime | None = None


class HomeList(Message):
    """`GET /v1/homes`."""

    homes: list[Home]


class Health(Message):
    """`GET /v1/healthz`, open to everybody who reaches the agent."""

    status: Literal["ok"] = "ok"
    version: str


class Problem(Message):
    """RFC 9457 problem+json, the body of each refusal."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
    hint: str = ""
    retry_after_s: float | None = Field(default=None)
