"""The route for environments in other tools' forms."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from hubfleet.agent.api.guard import allow, caller_of
from hubfleet.agent.api.problems import responses
from hubfleet.agent.environments.exports import Exports
from hubfleet.protocol.exports import Export, ExportRequest
from hubfleet.protocol.signing import Caller

Known = Annotated[Caller, Depends(caller_of)]


def _exports(request: Request) -> Exports:
    found = request.app.state.exports
    assert isinstance(found, Exports)
    return found


Here = Annotated[Exports, Depends(_exports)]

routes = APIRouter(prefix="/v1", tags=["exports"])
"""The routes; the app's state holds what writes exports."""


@routes.post("/exports", responses=responses(403, 409, 413))
async def export(body: ExportRequest, exports: Here, caller: Known) -> Export:
    """Return an environment as files that other tools read."""
    allow(caller, "portal", "operator")
    return Export(files=await exports.files(body))
