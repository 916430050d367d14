"""BinderHub's HTTP API, so that what was written for a BinderHub works against a hub with builds on.

https://binderhub.readthedocs.io/en/latest/api.html. Only a token in the header starts anything in somebody's name here:
cookies of the hub and of the portal's pages do not reach this path, and links lead to the portal's prefilled form. Who
has no token is a guest, where the hub has such people.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, cast
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse

from hubfleet import __version__
from hubfleet.errors import HubfleetError, RefusedError
from hubfleet.portal.callers import address_of
from hubfleet.portal.features.builds.binder import phases, providers
from hubfleet.portal.features.builds.binder.launching import Asked, Launching, words
from hubfleet.portal.features.builds.binder.phases import Phase
from hubfleet.portal.features.builds.binder.providers import Source
from hubfleet.portal.features.builds.guest_pages import VISIT, form_of
from hubfleet.portal.features.builds.guests import Guests
from hubfleet.portal.people import People, Person

PREFIX = "/services/binder"
KEEP_ALIVE_S = 25.0
_STREAM = {"Cache-Control": "no-cache", "Access-Control-Allow-Headers": "cache-control, authorization"}
_OPEN = {"Access-Control-Allow-Origin": "*"}

routes = APIRouter(prefix=PREFIX)


@routes.get("/build/{provider}/{spec:path}")
async def build(request: Request, provider: str, build_only: bool = False) -> Response:
    """Build a repository, start the caller's server with it, and tell each step as an event (SSE)."""
    if "text/event-stream" not in request.headers.get("accept", ""):
        raise RefusedError("this answers with a stream of events only", status=400, hint="Accept: text/event-stream")
    launching = cast(Launching, request.app.state.launching)
    try:
        asked = await _asked(request, provider, build_only)
    except HubfleetError as error:
        # BinderHub's clients read errors as events too
        status = error.status if isinstance(error, RefusedError) else 503
        answer = _stream(_one(phases.failed(words(error), status=status)), launching)
    else:
        answer = _stream(launching.phases(asked), launching)
    if "authorization" not in request.headers:
        answer.headers.update(_open_to(request))
    return answer


@routes.options("/build/{provider}/{spec:path}")
async def preflight(request: Request) -> Response:
    """Tell browsers what pages of other origins may send: nothing that proves who somebody is."""
    return Response(headers={**_open_to(request), "Access-Control-Allow-Headers": "cache-control"})


@routes.get("/v2/{provider}/{spec:path}")
async def launch_page(request: Request, provider: str) -> Response:
    """Lead to the portal's form, filled in, or to what strangers see: a link starts nothing by itself."""
    found = providers.source(provider, _raw_spec(request, "v2", provider))
    if cast(Guests, request.app.state.guests).welcome:
        kept = [(name, value) for name, value in request.query_params.multi_items() if name != "link"]
        return RedirectResponse(f"{VISIT}?{urlencode([('link', f'{provider}/{found.spec}'), *kept])}", 302)
    return RedirectResponse(form_of(request, found), 302)


@routes.get("/api/repoproviders")
async def repository_providers() -> Response:
    """Return the kinds of repositories that links may name."""
    return JSONResponse([provider.display() for provider in providers.PROVIDERS.values()], headers=_OPEN)


@routes.get("/_config")
async def old_configuration() -> Response:
    """Return the same as clients of before 2024 ask for it."""
    told = {
        provider.name: {
            "text": provider.repository_label,
            "tag_text": "Git ref (branch, tag, or commit)",
            "ref_prop_disabled": not provider.refs,
            "label_prop_disabled": False,
        }
        for provider in providers.PROVIDERS.values()
    }
    return JSONResponse(told, headers=_OPEN)


@routes.get("/versions")
async def versions() -> Response:
    """Return what builds here; never secret."""
    return JSONResponse({"builder_info": {"builder": "hubfleet"}, "binderhub": __version__}, headers=_OPEN)


@routes.api_route("/health", methods=["GET", "HEAD"])
async def health() -> Response:
    """Answer as long as the portal runs."""
    return JSONResponse({"ok": True, "checks": []})


async def _asked(request: Request, provider: str, build_only: bool) -> Asked:
    found = providers.source(provider, _raw_spec(request, "build", provider))
    header = request.headers.get("authorization")
    base = f"{request.app.state.forgery.origin}{PREFIX}/"
    if header is None:
        return await _guests_ask(request, found, build_only, base)
    person = await cast(People, request.app.state.people).who(request)
    return Asked(found, person, header.partition(" ")[2].strip(), build_only, base)


async def _guests_ask(request: Request, found: Source, build_only: bool, base: str) -> Asked:
    guests = cast(Guests, request.app.state.guests)
    if not guests.welcome or build_only:
        raise RefusedError("a token of the hub is needed, as `Authorization: Bearer TOKEN`", status=403)
    origin = request.headers.get("origin")
    if origin is None and request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        # a page elsewhere that asks so that its browser says no origin, and could not read the answer
        origin = "null"
    if origin not in {None, request.app.state.forgery.origin} and not guests.allows(str(origin)):
        raise RefusedError("pages of this origin may not use this hub", status=403, hint="its admins can allow it")
    guest = await guests.admit(found.repository, address_of(request))
    return Asked(found, Person(guest.name), guests.token, build_only, base, guest)


def _open_to(request: Request) -> dict[str, str]:
    """Return the headers by which a page of another origin may read the answer, if it is one that the hub names.

    Never with credentials: what a browser sends by itself counts for nothing here.
    """
    origin = request.headers.get("origin", "")
    allowed = cast(Guests, request.app.state.guests).allows(origin)
    return {"Vary": "Origin"} | ({"Access-Control-Allow-Origin": origin} if origin and allowed else {})


def _raw_spec(request: Request, page: str, provider: str) -> str:
    """Return what follows the provider as it was sent: an escaped slash is part of a name."""
    raw = cast(bytes, request.scope.get("raw_path") or request.url.path.encode()).decode("latin-1").partition("?")[0]
    return raw.partition(f"{PREFIX}/{page}/{provider}/")[2]


async def _one(phase: Phase) -> AsyncIterator[Phase]:
    yield phase


def _stream(told: AsyncIterator[Phase], launching: Launching) -> Response:
    return StreamingResponse(_lines(told, launching), media_type="text/event-stream", headers=_STREAM)


async def _lines(told: AsyncIterator[Phase], launching: Launching) -> AsyncIterator[str]:
    """Yield events in BinderHub's form, and a comment whenever there was none for a while.

    After `ready` the client closes: one whose stream is closed takes that for a failure, or asks for all of it again.
    """
    over = asyncio.ensure_future(launching.ending.wait())
    coming: asyncio.Future[Any] = asyncio.ensure_future(anext(told, None))
    try:
        while not over.done():
            await asyncio.wait({coming, over}, timeout=KEEP_ALIVE_S, return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                yield ":keepalive\n\n"
                continue
            phase = coming.result()
            if phase is None:
                return
            yield f"data: {json.dumps(phase)}\n\n"
            if phase["phase"] == "ready":
                await launching.linger()
                return
            coming = asyncio.ensure_future(anext(told, None))
    finally:
        coming.cancel()
        over.cancel()
