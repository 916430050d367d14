"""The portal's pages for files that people bring; each works without JavaScript."""

from typing import cast
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from hubfleet.errors import RefusedError
from hubfleet.portal import forgery
from hubfleet.portal.callers import Caller, Sent
from hubfleet.portal.features.builds.brought import Brought, zipped
from hubfleet.portal.features.builds.draft_pages import begun
from hubfleet.portal.features.builds.exporting import download
from hubfleet.portal.features.builds.pages import show_environments
from hubfleet.portal.people import PREFIX
from hubfleet.protocol.files import MAX_FILES

routes = APIRouter()


@routes.post("/files")
async def bring(request: Request, person: Caller) -> Response:
    """Keep what somebody brings, begin a build of it, and lead to the build's page."""
    try:
        form = await request.form(max_files=MAX_FILES, max_fields=20)
    except HTTPException as error:
        raise RefusedError(f"this is no form: {error.detail}", status=400) from error
    request.app.state.forgery.check(request, person, str(form.get(forgery.FIELD, "")))
    sent = [file for file in form.getlist("files") if isinstance(file, UploadFile) and file.filename]
    here = _brought(request)
    try:
        if not sent:
            raise RefusedError("choose a zip archive, or files", status=422)
        name, archive = await _archive(sent, here)
        name = str(form.get("name", "")).strip() or name
        return await begun(request, person, name, archive, str(form.get("cluster", "")))
    except RefusedError as error:
        wrong = {"files": f"{error.message}: {error.hint}" if error.hint else error.message}
        return await show_environments(request, person, wrong=wrong, status=error.status)


@routes.get("/files/{brought}/{name}")
async def fetch(request: Request, brought: UUID, name: str, person: Caller) -> Response:
    """Hand an archive back to whoever brought it."""
    entry = await _brought(request).one(person, brought)
    return download(await _brought(request).archive(person, brought), f"{entry.name}.zip", "application/zip")


@routes.post("/files/{brought}/delete")
async def delete(request: Request, brought: UUID, sent: Sent) -> Response:
    """Forget an archive, and show what is left."""
    await _brought(request).delete(sent.person, brought)
    return RedirectResponse(f"{PREFIX}environments#files", 303)


async def _archive(sent: list[UploadFile], here: Brought) -> tuple[str, bytes]:
    """Return what files are called together, and an archive of them; one that is an archive stays as it is."""
    first = sent[0].filename or ""
    if len(sent) == 1 and first.lower().endswith(".zip"):
        return first, await sent[0].read()
    folder = first.partition("/")[0] if "/" in first else "files"
    return folder, zipped({file.filename or "": await file.read() for file in sent}, here.now())


def _brought(request: Request) -> Brought:
    return cast(Brought, request.app.state.brought)
