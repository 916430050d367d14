"""What the agent remembers of one server: what is wanted, what was seen, and what its start left behind."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from hubfleet.agent.launchers.base import LauncherState
from hubfleet.protocol.messages import Server, ServerAnswer, ServerRequest, ServerSecrets, ServerState, StopReason

Desired = Literal["run", "stop"]


@dataclass(frozen=True)
class Record:
    """One server, as the store keeps it."""

    server: Server
    """What callers see."""
    desired: Desired
    """What shall become of it."""
    request: ServerRequest
    """The last request, with the secrets that the server really has; emptied of them once it has stopped."""
    launcher: LauncherState | None = None
    """The last state that its start yielded; None if nothing of it is left."""
    stop_reason: StopReason | None = None
    """Why it shall stop."""
    notice: str = ""
    """The launcher's last notice."""

    @property
    def id(self) -> str:
        """The server's id."""
        return self.server.id

    @property
    def live(self) -> bool:
        """Whether something of it may still run, or will."""
        return self.server.state.live


def request_to_json(request: ServerRequest) -> str:
    """Return a request with its secrets in the clear, for the store (mode 0600) only."""
    plain = request.model_dump(mode="json", exclude={"secrets"})
    plain["secrets"] = {
        "api_token": request.secrets.api_token.get_secret_value(),
        "oauth_client_secret": request.secrets.oauth_client_secret.get_secret_value(),
        "variables": {name: value.get_secret_value() for name, value in request.secrets.variables.items()},
    }
    return json.dumps(plain)


def answer_to_json(answer: ServerAnswer) -> str:
    """Return an answer with its secrets in the clear, for the caller only."""
    plain = answer.model_dump(mode="json", exclude={"api_token", "oauth_client_secret"})
    plain["api_token"] = answer.api_token.get_secret_value()
    plain["oauth_client_secret"] = answer.oauth_client_secret.get_secret_value()
    return json.dumps(plain)


def without_secrets(request: ServerRequest) -> ServerRequest:
    """Return a request without its secrets."""
    return request.model_copy(update={"secrets": ServerSecrets.model_validate({"api_token": ""})})


def launcher_to_json(state: LauncherState | None) -> str | None:
    """Return a launcher's state as JSON."""
    return None if state is None else json.dumps(asdict(state))


def launcher_from_json(raw: str | None) -> LauncherState | None:
    """Return the launcher's state that was stored."""
    return None if raw is None else LauncherState(**json.loads(raw))


def new_record(server_id: str, request: ServerRequest, now: datetime) -> Record:
    """Return the record of a server that was asked for and waits for its turn."""
    server = Server(
        id=server_id,
        hub=request.hub,
        person=request.person,
        server_name=request.server_name,
        generation=request.generation,
        state=ServerState.QUEUED,
        message="waiting for its turn",
        changed_at=now,
    )
    return Record(server, "run", request)
