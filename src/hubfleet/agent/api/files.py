"""Routes for files: those that people bring, what a repository's say, and a folder of a home."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from hubfleet.agent.api.guard import allow, caller_of, own_hub
from hubfleet.agent.api.problems import responses
from hubfleet.agent.environments.contents import Contents
from hubfleet.agent.environments.repositories import Repositories
from hubfleet.agent.environments.texts import texts
from hubfleet.agent.homes.taking import Taking
from hubfleet.errors import BuildError, LaunchError, RefusedError
from hubfleet.protocol.files import GivenAnswer, GivenFiles, HomeArchive, HomeFolder, Texts, TextsRequest
from hubfleet.protocol.signing import Caller

Known = Annotated[Caller, Depends(caller_of)]


def _repositories(request: Request) -> Repositories:
    found = request.app.state.builds.repositories
    assert isinstance(found, Repositories)
    return found


def _contents(request: Request) -> Contents:
    found = request.app.state.builds.contents
    assert isinstance(found, Contents)
    return found


def _taking(request: Request) -> Taking:
    found = request.app.state.taking
    assert isinstance(found, Taking)
    return found


Here = Annotated[Repositories, Depends(_repositories)]

routes = APIRouter(prefix="/v1", tags=["files"])
"""The routes; the app's state holds the agent's builds."""


@routes.put("/files", responses=responses(403, 404, 409, 413, 422))
async def put_files(
    files: Annotated[GivenFiles, Query()], request: Request, repositories: Here, caller: Known
) -> GivenAnswer:
    """Take a zip archive, the request's body, as the files of an address."""
    allow(caller, "portal")
    own_hub(caller, files.hub)
    try:
        return await repositories.give(files, await request.body())
    except BuildError as error:
        raise RefusedError(error.message, status=422, hint=error.hint) from error


@routes.post("/texts", responses=responses(403, 404, 409, 413))
async def get_texts(asked: TextsRequest, contents: Annotated[Contents, Depends(_contents)], caller: Known) -> Texts:
    """Return what some files of a repository say."""
    allow(caller, "portal")
    own_hub(caller, asked.hub)
    try:
        return Texts(files=await texts(contents, asked))
    except LaunchError as error:
        raise RefusedError(error.message, status=409, hint=error.hint) from error


@routes.post("/homes/archive", responses=responses(403, 404, 409, 413, 422))
async def take_folder(asked: HomeFolder, taking: Annotated[Taking, Depends(_taking)], caller: Known) -> HomeArchive:
    """Return an archive of a folder in somebody's home; their servers may run meanwhile or not."""
    allow(caller, "portal")
    own_hub(caller, asked.hub)
    return await taking.archive(asked)
