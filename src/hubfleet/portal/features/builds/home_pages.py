"""The page that makes an environment of a folder in the person's home, whether or not a server of theirs runs."""

import re
from typing import cast

from fastapi import APIRouter, Request
from starlette.responses import Response

from hubfleet.errors import ProtocolError, RefusedError
from hubfleet.portal.callers import Caller, Sent
from hubfleet.portal.features.builds.brought import Brought
from hubfleet.portal.features.builds.builds import Builds
from hubfleet.portal.features.builds.draft_pages import begun, words
from hubfleet.portal.look import Look
from hubfleet.portal.people import PREFIX, Person
from hubfleet.protocol.files import HomeArchive

PATH_MAX = 1000
_HOME = re.compile(r"(~|\$HOME|/home/jovyan|\.)?/+")
"""How people begin a path that is one of their home's."""
routes = APIRouter()


@routes.get("/environments/from-home")
async def form(request: Request, person: Caller) -> Response:
    """Show the form."""
    return _page(request, person)


@routes.post("/environments/from-home")
async def take(request: Request, sent: Sent) -> Response:
    """Take a folder, begin a build of it, and lead to the build; what was left out of it is said first."""
    person, given = sent.person, {name: sent.fields.get(name, "").strip() for name in ("path", "cluster")}
    builds = cast(Builds, request.app.state.builds)
    try:
        path = below_home(given["path"])
        taken = await cast(Brought, request.app.state.brought).from_home(person, path, builds.agent(given["cluster"]))
        answer = await begun(request, person, path.rpartition("/")[2], taken.archive, given["cluster"])
    except RefusedError as error:
        return _page(request, person, given=given, wrong=words(error), status=error.status)
    except ProtocolError as error:
        return _page(request, person, given=given, wrong=error.message, status=503)
    if not taken.left_out:
        return answer
    return _page(request, person, given=given | {"path": path}, taken=taken, build=answer.headers["location"])


def below_home(path: str) -> str:
    """Return a path as it is below a home.

    Raises:
        RefusedError: it leads elsewhere (422).
    """
    plain = _HOME.sub("", path, count=1) if _HOME.match(path) else path
    parts = [part for part in plain.split("/") if part not in {"", "."}]
    if not parts or len(plain) > PATH_MAX or not plain.isprintable():
        raise RefusedError("name a folder of your home, such as work/waves", status=422)
    if path.startswith("/") and not path.startswith("/home/jovyan/"):
        raise RefusedError(
            "the path begins at the machine's root", status=422, hint="leave out the first slash: it counts from home"
        )
    if ".." in parts:
        raise RefusedError("'..' may lead out of your home", status=422, hint="name the folder itself")
    return "/".join(parts)


def _page(
    request: Request,
    person: Person,
    *,
    given: dict[str, str] | None = None,
    wrong: str = "",
    taken: HomeArchive | None = None,
    build: str = "",
    status: int = 200,
) -> Response:
    return cast(Look, request.app.state.look).page(
        request,
        person,
        "from_home.html",
        status=status,
        given=given or {},
        wrong={"path": wrong} if wrong else {},
        clusters=cast(Builds, request.app.state.builds).clusters,
        environments=f"{PREFIX}environments",
        taken=taken,
        build=build,
    )
