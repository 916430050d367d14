"""The portal's API for environments, and for the hub that asks which there are."""

import hashlib
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Header, Request
from starlette.responses import PlainTextResponse, Response

from hubfleet.errors import RefusedError
from hubfleet.model.document import HubDocument
from hubfleet.portal.callers import Caller, Changer
from hubfleet.portal.features.builds.api import Limit, Search
from hubfleet.portal.features.builds.environments import Environments
from hubfleet.portal.features.builds.exporting import Exporting
from hubfleet.portal.features.builds.profiles import Profiles
from hubfleet.portal.features.builds.sending import Sending
from hubfleet.portal.features.builds.views import EnvironmentChange, EnvironmentList, EnvironmentView
from hubfleet.portal.people import Person
from hubfleet.portal.problems import responses
from hubfleet.protocol.exports import ExportFormat

routes = APIRouter()


def _environments(request: Request) -> Environments:
    return cast(Environments, request.app.state.environments)


Found = Annotated[Environments, Depends(_environments)]


@routes.get("/environments", response_model=EnvironmentList, responses=responses())
async def list_environments(person: Caller, found: Found, search: Search = "", limit: Limit = 100) -> object:
    """Return the environments of the caller and those shared with them, newest first; admins and services see all."""
    return {"environments": await found.seen(person.reader, search=search, limit=limit)}


@routes.get("/environments/{digest}", response_model=EnvironmentView, responses=responses(404))
async def get_environment(digest: str, person: Caller, found: Found) -> object:
    """Return one environment; of several with the same digest the caller's own."""
    return await found.one(person, digest)


@routes.patch("/environments/{digest}", response_model=EnvironmentView, responses=responses(404))
async def change_environment(digest: str, change: EnvironmentChange, person: Changer, found: Found) -> object:
    """Rename an environment of the caller's, or share it with others than before."""
    return await found.change(person, digest, change)


@routes.delete("/environments/{digest}", status_code=204, response_class=Response, responses=responses(404))
async def delete_environment(digest: str, person: Changer, found: Found) -> Response:
    """Forget an environment of the caller's; its builds stay, and servers that run with it go on."""
    await found.delete(person, digest)
    return Response(status_code=204)


@routes.get("/environments/{digest}/lock", response_class=PlainTextResponse, responses=responses(404))
async def get_lock(digest: str, person: Caller, found: Found) -> Response:
    """Return the versions and hashes that an environment consists of; their SHA-256 is the digest."""
    entry = await found.one(person, digest)
    headers = {"X-Content-Type-Options": "nosniff"}
    return PlainTextResponse(entry.lock, headers=headers)


@routes.get("/environments/{digest}/exports/{form}", response_class=Response, responses=responses(404, 409))
async def export(request: Request, digest: str, form: ExportFormat, person: Caller) -> Response:
    """Return an environment as another tool reads it; a container's recipe comes as a zip archive."""
    return await cast(Exporting, request.app.state.exporting).answer(person, digest, form)


@routes.get(
    "/document",
    response_model=HubDocument,
    responses=responses() | {304: {"description": "It is the one that `If-None-Match` names"}},
)
async def get_document(
    request: Request, person: Caller, found: Found, if_none_match: Annotated[str, Header(max_length=200)] = ""
) -> Response:
    """Return what the hub's own process is told of its people's environments; for admins and services only."""
    _for_the_hub(person)
    profiles = await cast(Profiles, request.app.state.profiles).told()
    text = (await found.document(profiles)).model_dump_json()
    tag = f'"{hashlib.sha256(text.encode()).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if tag == if_none_match:
        return Response(status_code=304, headers=headers)
    return Response(text, headers=headers, media_type="application/json")


@routes.put(
    "/clusters/{cluster}/environments/{digest}",
    status_code=204,
    response_class=Response,
    responses=responses(404) | {502: {"description": "The cluster refuses it"}},
)
async def send_environment(request: Request, cluster: str, digest: str, person: Caller) -> Response:
    """Send an environment's lock to a cluster that lacks it, before a start; for the hub's own process only."""
    _for_the_hub(person)
    await cast(Sending, request.app.state.sending).send_now(digest, cluster)
    return Response(status_code=204)


def _for_the_hub(person: Person) -> None:
    if person.sees is not None:
        raise RefusedError("this is for the hub itself", status=403)
