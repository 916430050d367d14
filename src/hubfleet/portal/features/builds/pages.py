"""The portal's pages for builds and environments; each works without JavaScript."""

from collections.abc import Mapping
from typing import cast
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from hubfleet.errors import RefusedError
from hubfleet.model.sharing import EVERYBODY
from hubfleet.portal.callers import Caller, Sent
from hubfleet.portal.features.builds import starting
from hubfleet.portal.features.builds.brought import Brought
from hubfleet.portal.features.builds.builds import Builds
from hubfleet.portal.features.builds.environments import Environments
from hubfleet.portal.features.builds.views import NewBuild
from hubfleet.portal.look import Look
from hubfleet.portal.people import PREFIX, Person
from hubfleet.protocol.builds import BuildState
from hubfleet.records.entries import EnvironmentEntry

SHOWN_MAX = 200
SEARCH_FROM = 20
"""Rows from which a list has a search."""
OPENED_MAX = 1000
WORDS = {
    BuildState.QUEUED: "waiting",
    BuildState.FETCHING: "getting the repository",
    BuildState.RESOLVING: "choosing versions",
    BuildState.REALISING: "installing packages",
    BuildState.READY: "ready",
    BuildState.FAILED: "failed",
    BuildState.STOPPED: "stopped",
}
routes = APIRouter()


@routes.get("/environments")
async def environments(
    request: Request, person: Caller, search: str = "", repository: str = "", ref: str = ""
) -> Response:
    """Show the person's environments and builds, and the form for a new one, which a link may have filled in."""
    given = {"repository": repository.strip()[:2000], "ref": ref.strip()[:250]}
    return await show_environments(request, person, search=search.strip()[:200], given=given)


@routes.post("/builds")
async def begin(request: Request, sent: Sent) -> Response:
    """Begin a build and lead to its page; what cannot work is said beside its field."""
    given = {name: value.strip() for name, value in sent.fields.items() if value.strip()}
    if given.get("packages_until") == "date":
        given["packages_until"] = given.pop("date", "")
    given.pop("date", "")
    try:
        wanted = NewBuild.model_validate(given)
        entry = await _builds(request).begin(sent.person, wanted)
    except ValidationError as error:
        wrong = {str(item["loc"][0]): said(item["msg"]) for item in error.errors() if item["loc"]}
        return await show_environments(request, sent.person, given=given, wrong=wrong, status=422)
    except RefusedError as error:
        field = "cluster" if error.status == 422 else "repository"
        wrong = {field: f"{error.message}: {error.hint}" if error.hint else error.message}
        return await show_environments(request, sent.person, given=given, wrong=wrong, status=error.status)
    return RedirectResponse(f"{PREFIX}builds/{entry.id}{_then(request)}", 303)


@routes.get("/builds/{build}")
async def one_build(request: Request, build: UUID, person: Caller) -> Response:
    """Show how far a build is, what its tools said, and what can be done with it."""
    builds = _builds(request)
    entry = await builds.build(person, build)
    log = await builds.log(entry) if entry.ended is not None else []
    made = await _made(request, person, entry.digest) if entry.state == BuildState.READY else None
    return _look(request).page(
        request,
        person,
        "build.html",
        build=entry,
        environment=made,
        start=starting.address(
            entry.digest, entry, person, named=request.app.state.named_servers, opened=opened_by(request)
        ),
        words=WORDS,
        word=WORDS[BuildState(entry.state)],
        cluster=builds.clusters.get(entry.cluster, entry.cluster) if len(builds.clusters) > 1 else "",
        log=log,
        then=_then(request),
    )


@routes.post("/builds/{build}/stop")
async def stop(request: Request, build: UUID, sent: Sent) -> Response:
    """Stop a build and show it."""
    await _builds(request).stop(sent.person, build)
    return RedirectResponse(f"{PREFIX}builds/{build}", 303)


async def show_environments(
    request: Request,
    person: Person,
    *,
    search: str = "",
    given: Mapping[str, str] | None = None,
    wrong: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    """Show the page of all environments; `given` and `wrong` are a form's fields and what is wrong with them."""
    builds = _builds(request)
    brought = cast(Brought, request.app.state.brought)
    # an admin's own page too: everybody's are another question
    reader = person.reader.model_copy(update={"everything": False})
    found = cast(Environments, request.app.state.environments)
    made = await found.seen(reader, search=search, own=True, limit=SHOWN_MAX)
    shared = await found.seen(reader, search=search, own=False, limit=SHOWN_MAX)
    tried = await builds.builds(person.name, search=search, limit=SHOWN_MAX)
    return _look(request).page(
        request,
        person,
        "environments.html",
        status=status,
        environments=made,
        of_groups=[entry for entry in shared if entry.shared_with != EVERYBODY],
        of_everybody=[entry for entry in shared if entry.shared_with == EVERYBODY],
        shared_full=len(shared) >= SHOWN_MAX,
        builds=tried,
        words=WORDS,
        search=search,
        searchable=bool(search) or max(len(made), len(shared), len(tried)) > SEARCH_FROM,
        shown_max=SHOWN_MAX,
        files=[(entry, brought.address(entry)) for entry in await brought.all(person)],
        clusters=builds.clusters,
        promotes=person.promotes,
        then=_then(request),
        # a token is typed again rather than sent back
        given={name: value for name, value in (given or {}).items() if name != "token"},
        wrong=wrong or {},
    )


async def _made(request: Request, person: Person, digest: str) -> EnvironmentEntry | None:
    """Return what a build made, unless it was deleted since."""
    try:
        return await cast(Environments, request.app.state.environments).one(person, digest)
    except RefusedError:
        return None


def _then(request: Request) -> str:
    """Return what stays on the addresses of a form and a build from which a person goes on to start a server.

    `then=start` says so, and `open` names the file to be seen first.
    """
    if request.query_params.get("then") != "start":
        return ""
    opened = opened_by(request)
    return f"?{urlencode({'then': 'start'} | ({'open': opened} if opened else {}))}"


def opened_by(request: Request) -> str:
    """Return the path in the repository that a link wants to be seen first; empty: none."""
    return request.query_params.get("open", "").strip()[:OPENED_MAX]


def said(message: str) -> str:
    """Return pydantic's message as people would say it."""
    return "this is needed" if message == "Field required" else message.removeprefix("Value error, ")


def _builds(request: Request) -> Builds:
    return cast(Builds, request.app.state.builds)


def _look(request: Request) -> Look:
    return cast(Look, request.app.state.look)
