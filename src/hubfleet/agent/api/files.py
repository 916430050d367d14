"""Routes for files that people bring: an archive of theirs, and a folder of a home."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from hubfleet.agent.api.guard import allow, caller_of, own_hub
from hubfleet.agent.api.problems import responses
from hubfleet.agent.environments.repositories import Repositories
from hubfleet.errors import BuildError, RefusedError
from hubfleet.protocol.files import GivenAnswer, GivenFiles
from hubfleet.protocol.signing import Caller

Known = Annotated[Caller, Depends(caller_of)]


def _repositories(request: Request) -> Repositories:
    found = request.app.state.builds.repositories
    assert isinstance(found, Repositories)
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
