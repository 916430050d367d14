"""The portal's API for files that people bring."""

from typing import Annotated, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from hubfleet.portal.callers import Caller, Changer
from hubfleet.portal.features.builds.brought import Brought
from hubfleet.portal.features.builds.exporting import download
from hubfleet.portal.features.builds.views import FilesList, FilesView
from hubfleet.portal.problems import responses
from hubfleet.records.entries import BroughtEntry

routes = APIRouter()


def _brought(request: Request) -> Brought:
    return cast(Brought, request.app.state.brought)


Here = Annotated[Brought, Depends(_brought)]
ZIP = {"application/zip": {"schema": {"type": "string", "format": "binary"}}}


@routes.post(
    "/files",
    status_code=201,
    responses=responses(413, 422),
    openapi_extra={"requestBody": {"required": True, "content": ZIP}},
)
async def bring_files(
    request: Request, person: Changer, here: Here, name: Annotated[str, Query(max_length=200)] = "files"
) -> FilesView:
    """Keep a zip archive, the request's body; its `repository` is what a build is then begun of."""
    return _view(here, await here.add(person, name, await request.body()))


@routes.get("/files", responses=responses())
async def list_files(person: Caller, here: Here) -> FilesList:
    """Return what the caller has brought, newest first."""
    return FilesList(files=[_view(here, entry) for entry in await here.all(person)])


@routes.get("/files/{brought}", response_class=Response, responses=responses(404) | {200: {"content": ZIP}})
async def get_files(brought: UUID, person: Caller, here: Here) -> Response:
    """Return the archive."""
    entry = await here.one(person, brought)
    return download(await here.archive(person, brought), f"{entry.name}.zip", "application/zip")


@routes.delete("/files/{brought}", status_code=204, response_class=Response, responses=responses(404))
async def delete_files(brought: UUID, person: Changer, here: Here) -> Response:
    """Forget the archive; environments that were made of it stay."""
    await here.delete(person, brought)
    return Response(status_code=204)


def _view(here: Brought, entry: BroughtEntry) -> FilesView:
    return FilesView(**entry.model_dump(exclude={"person"}), repository=here.address(entry))
