"""The page of one environment: what is in it and where it comes from, and what its owner can do with it."""

from collections.abc import Mapping
from typing import cast

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from hubfleet.errors import RefusedError
from hubfleet.model.sharing import group_of, with_group
from hubfleet.portal.callers import Caller, Sent
from hubfleet.portal.features.builds import starting
from hubfleet.portal.features.builds.environments import Environments
from hubfleet.portal.features.builds.exporting import Exporting
from hubfleet.portal.features.builds.packages import PYPI, made_anew, packages, sources
from hubfleet.portal.features.builds.pages import SEARCH_FROM, opened_by, said
from hubfleet.portal.features.builds.profiles import Profiles
from hubfleet.portal.features.builds.views import EnvironmentChange
from hubfleet.portal.look import Look
from hubfleet.portal.people import PREFIX, Person
from hubfleet.protocol.exports import ExportFormat

routes = APIRouter()


@routes.get("/environments/{digest}")
async def one_environment(request: Request, digest: str, person: Caller, search: str = "") -> Response:
    """Show an environment, all its packages or those with a text in their name."""
    return await _page(request, person, digest, search=search.strip()[:200])


@routes.get("/environments/{digest}/exports/{form}")
async def export(request: Request, digest: str, form: ExportFormat, person: Caller) -> Response:
    """Hand an environment on as another tool reads it; what cannot be is said on a page."""
    return await cast(Exporting, request.app.state.exporting).answer(person, digest, form)


@routes.post("/environments/{digest}/change")
async def change(request: Request, digest: str, sent: Sent) -> Response:
    """Rename or share an environment and show it; what cannot be is said beside its field."""
    given: dict[str, str] = {name: sent.fields[name] for name in ("name", "shared_with") if name in sent.fields}
    try:
        await _environments(request).change(sent.person, digest, EnvironmentChange.model_validate(given))
    except ValidationError as error:
        wrong = {str(item["loc"][0]): said(item["msg"]) for item in error.errors() if item["loc"]}
    except RefusedError as error:
        if error.status != 422:
            raise
        wrong = {"shared_with": f"{error.message}: {error.hint}"}
    else:
        return RedirectResponse(f"{PREFIX}environments/{digest}", 303)
    return await _page(request, sent.person, digest, given=given, wrong=wrong, status=422)


@routes.post("/environments/{digest}/delete")
async def delete(request: Request, digest: str, sent: Sent) -> Response:
    """Delete an environment and show those that are left."""
    await _environments(request).delete(sent.person, digest)
    return RedirectResponse(f"{PREFIX}environments", 303)


async def _page(
    request: Request,
    person: Person,
    digest: str,
    *,
    search: str = "",
    given: Mapping[str, str] | None = None,
    wrong: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    environments = _environments(request)
    entry = await environments.one(person, digest)
    build = await environments.origin(entry)
    every = packages(entry.lock)
    return cast(Look, request.app.state.look).page(
        request,
        person,
        "environment.html",
        status=status,
        environment=entry,
        build=build,
        start=starting.address(digest, build, person, named=request.app.state.named_servers, opened=opened_by(request)),
        owned=entry.owner == person.name,
        shows_build=person.sees in {None, build.person},
        packages=packages(entry.lock, search=search) if search else every,
        packages_all=len(every),
        only_pypi=all(package.source == PYPI for package in every),
        sources=sources(every, build.files),
        made_anew=made_anew(entry.lock),
        search=search,
        searchable=bool(search) or len(every) > SEARCH_FROM,
        # a group that its owner has left stays a choice as long as it is the one
        groups={group: with_group(group) for group in sorted(person.groups | {group_of(entry.shared_with)} - {""})},
        profiles=await cast(Profiles, request.app.state.profiles).all(person) if person.promotes else (),
        given={"name": entry.name, "shared_with": entry.shared_with} | dict(given or {}),
        wrong=wrong or {},
    )


def _environments(request: Request) -> Environments:
    return cast(Environments, request.app.state.environments)
