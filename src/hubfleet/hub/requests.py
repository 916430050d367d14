"""From what a person chose to the request that an agent gets."""

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr
from tornado.httpclient import AsyncHTTPClient, HTTPError

from hubfleet.model.hub import Hub
from hubfleet.policy.choices import Chosen, Person
from hubfleet.protocol.messages import ServerRequest, ServerResources, ServerSecrets, SharedFolder

SECRET_VARIABLES = frozenset({"JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN"})


def build(
    hub: Hub,
    person: Person,
    chosen: Chosen,
    *,
    server_name: str,
    generation: datetime,
    environment: Mapping[str, str],
    api_token: str,
    secrets: Path,
) -> ServerRequest:
    """Return the request for one start.

    Args:
        hub: the hub with all its settings.
        person: who starts.
        chosen: what was chosen, checked by policy.
        server_name: empty for the default server.
        generation: the start time that JupyterHub committed.
        environment: JupyterHub's own variables for the server.
        api_token: the server's token.
        secrets: folder of the hub's secrets, where variables that are secrets have been put by apply.
    """
    plain = {name: value for name, value in environment.items() if name not in SECRET_VARIABLES}
    hidden = {}
    for name, value in chosen.variables.items():
        if isinstance(value, str):
            plain[name] = value
        else:
            hidden[name] = SecretStr((secrets / value.file_name).read_text().rstrip("\n"))
    anonymous = hub.features.builds.anonymous if hub.features.builds and person.guest else None
    return ServerRequest(
        hub=hub.name,
        person=person.name,
        server_name=server_name,
        generation=generation,
        environment=chosen.environment,
        app=chosen.app,
        default_url=chosen.default_url,
        resources=ServerResources.model_validate(chosen.resources.model_dump()),
        variables=plain,
        shared_folders=shared_folders(hub, person),
        home_quota_gib=hub.home.quota_gib,
        content=chosen.files.content,
        content_beside=chosen.files.beside,
        fresh_home=chosen.files.fresh_home,
        allowed_origins=list(anonymous.origins) if anonymous else [],
        token_in_address=anonymous is not None,
        secrets=ServerSecrets(api_token=SecretStr(api_token), variables=hidden),
    )


def shared_folders(hub: Hub, person: Person) -> list[SharedFolder]:
    """Return the folders that a person sees, and whether he may write; a guest sees none."""
    if person.guest:
        return []
    mine = set(person.groups)
    return [
        SharedFolder(name=name, writable=person.admin or bool(mine & set(folder.writers)))
        for name, folder in hub.shared_folders.items()
        if person.admin or not folder.groups or mine & {*folder.groups, *folder.writers}
    ]


async def answers(url: str) -> bool:
    """Say whether a server answers an HTTP request at all (JupyterHub asks the same before it believes in one)."""
    with contextlib.suppress(HTTPError, OSError, asyncio.TimeoutError):
        answer = await AsyncHTTPClient().fetch(url, request_timeout=3, follow_redirects=False, raise_error=False)
        return 200 <= answer.code < 500
    return False
