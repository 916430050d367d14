"""The editor: an environment of packages that somebody names, without a repository; it works without JavaScript."""

from collections.abc import Mapping
from datetime import datetime
from typing import cast
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from hubfleet.errors import RefusedError
from hubfleet.portal.callers import Caller, Sent
from hubfleet.portal.features.builds import drafts
from hubfleet.portal.features.builds.brought import Brought, plain, zipped
from hubfleet.portal.features.builds.builds import Builds
from hubfleet.portal.features.builds.checking import Checked, Checking
from hubfleet.portal.features.builds.drafting import Copy, Drafting
from hubfleet.portal.features.builds.drafts import Draft
from hubfleet.portal.features.builds.exporting import download
from hubfleet.portal.features.builds.packages import packages
from hubfleet.portal.features.builds.views import NewBuild
from hubfleet.portal.look import Look
from hubfleet.portal.people import PREFIX, Person

routes = APIRouter()


@routes.get("/environments/new")
async def editor(
    request: Request, person: Caller, environment: str = "", build: UUID | None = None, versions: str = ""
) -> Response:
    """Show the editor: empty, or filled with a copy of an environment or of what a build is of."""
    drafting = cast(Drafting, request.app.state.drafting)
    if environment:
        copy = await drafting.of_environment(person, environment, locked=versions == "locked")
    elif build is not None:
        copy = await drafting.of_build(person, build)
    else:
        return _page(request, person, Draft())
    return _page(request, person, copy.draft, copy=copy, cluster=copy.cluster)


@routes.get("/environments/{digest}/files")
async def files(request: Request, digest: str, person: Caller) -> Response:
    """Hand out the files of its repository that an environment follows from."""
    found = await cast(Drafting, request.app.state.drafting).files(person, digest)
    archive = archived(found, _brought(request).now())
    return download(archive, f"environment-{digest[:12]}-files.zip", "application/zip")


@routes.post("/environments/new")
async def edited(request: Request, sent: Sent) -> Response:
    """Check a draft's versions, hand it out as files, or make it; what cannot be is said beside its field."""
    draft, cluster = Draft.of(sent.fields), sent.fields.get("cluster", "")
    wrong = drafts.wrong(draft)
    if wrong:
        return _page(request, sent.person, draft, cluster=cluster, wrong=wrong, status=422)
    at = _brought(request).now().replace(minute=0, second=0, microsecond=0)
    archive = archived(drafts.files(draft), at)
    try:
        match sent.fields.get("do", "make"):
            case "download":
                return download(archive, f"{plain(draft.name)}.zip", "application/zip")
            case "check":
                checking = cast(Checking, request.app.state.checking)
                checked = await checking.check(sent.person, draft.name, archive, cluster, at=at)
                return _page(request, sent.person, draft, cluster=cluster, checked=checked)
        return await begun(request, sent.person, draft.name, archive, cluster, at=at)
    except RefusedError as error:
        return _page(request, sent.person, draft, cluster=cluster, wrong={"all": words(error)}, status=error.status)


def archived(files: Mapping[str, str], at: datetime) -> bytes:
    """Return a repository's files as an archive."""
    runs = [name for name in files if name.rpartition("/")[2] == drafts.POST_BUILD]
    return zipped({name: text.encode() for name, text in files.items()}, at, programs=runs)


async def begun(
    request: Request, person: Person, name: str, archive: bytes, cluster: str, *, at: datetime | None = None
) -> Response:
    """Keep an archive, begin a build of it, and lead to the build's page.

    Raises:
        RefusedError: it cannot be kept or built; nothing of it stays.
    """
    brought, builds = _brought(request), cast(Builds, request.app.state.builds)
    entry = await brought.add(person, name, archive, at=at)
    try:
        build = await builds.begin(person, NewBuild(repository=brought.address(entry), cluster=cluster))
    except RefusedError:
        await brought.delete(person, entry.id)
        raise
    return RedirectResponse(f"{PREFIX}builds/{build.id}", 303)


def _page(
    request: Request,
    person: Person,
    draft: Draft,
    *,
    cluster: str = "",
    wrong: Mapping[str, str] | None = None,
    checked: Checked | None = None,
    copy: Copy | None = None,
    status: int = 200,
) -> Response:
    found = packages(checked.lock) if checked else []
    return cast(Look, request.app.state.look).page(
        request,
        person,
        "new.html",
        status=status,
        given=draft.shown() | {"cluster": cluster},
        wrong=wrong or {},
        checked=checked,
        copy=copy,
        packages=found,
        pythons=drafts.PYTHONS,
        clusters=cast(Builds, request.app.state.builds).clusters,
    )


def words(error: RefusedError) -> str:
    """Return a refusal as one sentence."""
    return f"{error.message}: {error.hint}" if error.hint else error.message


def _brought(request: Request) -> Brought:
    return cast(Brought, request.app.state.brought)
