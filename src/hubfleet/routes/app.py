"""`python -m hubfleet.routes SETTINGS.json`: configurable-http-proxy's REST API in front of HAProxy, for many hubs.

Each hub's token shows it its own routes only, so that JupyterHub, which deletes routes that it does not know, meets
none of another hub. The API is https://github.com/jupyterhub/configurable-http-proxy#using-the-rest-api; refusals carry
problem+json where the original sends plain text.
"""

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from hubfleet._kit import logs
from hubfleet.errors import HubfleetError, StateError
from hubfleet.model.settings.routes import RoutedHub, RoutesSettings
from hubfleet.protocol.messages import Problem
from hubfleet.routes.activity import Activity
from hubfleet.routes.journal import Route
from hubfleet.routes.keys import BadRouteError, ForeignRouteError, clean_path
from hubfleet.routes.table import Table
from hubfleet.routes.tokens import Callers

_log = logging.getLogger(__name__)
_MAX_BODY_BYTES = 64 * 1024
_STATUS: dict[type[HubfleetError], int] = {BadRouteError: 400, ForeignRouteError: 403, StateError: 507}


def run(settings: RoutesSettings) -> None:
    """Serve until SIGTERM."""
    logs.set_up()
    uvicorn.run(
        make_app(settings),
        host=str(settings.api.address),
        port=settings.api.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=3,
    )


def make_app(settings: RoutesSettings) -> FastAPI:
    """Wire the program."""
    table = Table(settings)
    callers = Callers(settings.hubs)
    api = _Api(table, Activity(table))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        table.load()
        async with table.running():
            yield

    app = FastAPI(title="hubfleet routes", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)

    async def routes(request: Request) -> Response:
        hub = callers.who(request.headers.get("authorization", ""))
        if hub is None:
            return _problem(403, "the token is not one of this proxy's hubs")
        answers = {"GET": api.get, "POST": api.post, "DELETE": api.delete}
        # not the router's: its pattern loses a newline at the end
        path = str(request.scope["path"]).removeprefix("/api/routes")
        return await answers[request.method](request, hub, path)

    async def healthz() -> JSONResponse:
        reached = {str(replica.socket.path): replica.reached for replica in table.replicas}
        return JSONResponse({"status": "ok", "haproxy": reached})

    app.add_route("/api/routes", routes, methods=["GET", "POST", "DELETE"])
    app.add_route("/api/routes/{path:path}", routes, methods=["GET", "POST", "DELETE"])
    app.add_api_route("/healthz", healthz)
    app.add_exception_handler(HubfleetError, _refused)
    app.add_exception_handler(HTTPException, _http_refused)
    return app


class _Api:
    """The three calls, for a hub that is known."""

    def __init__(self, table: Table, activity: Activity) -> None:
        self._table = table
        self._activity = activity

    async def get(self, request: Request, hub: RoutedHub, path: str) -> Response:
        """One route, or all, or all that were idle since `inactive_since`."""
        if path.strip("/"):
            route = self._table.routes(hub).get(clean_path(path))
            if route is None:
                return _problem(404, f"there is no route {clean_path(path)!r}")
            return JSONResponse((await self._described(hub, [route]))[route.path])
        since = _since(request.query_params.get("inactiveSince") or request.query_params.get("inactive_since"))
        found = await self._described(hub, list(self._table.routes(hub).values()))
        if since:
            found = {path: data for path, data in found.items() if _read_time(str(data["last_activity"])) < since}
        return JSONResponse(found)

    async def post(self, request: Request, hub: RoutedHub, path: str) -> Response:
        """Add a route."""
        data = await _body(request)
        if not isinstance(data.get("target"), str):
            raise BadRouteError("must specify 'target' as string")
        await self._table.add(hub, Route(path=clean_path(path), data=data))
        return Response(status_code=201)

    async def delete(self, request: Request, hub: RoutedHub, path: str) -> Response:
        """Remove a route."""
        if await self._table.remove(hub, clean_path(path)):
            return Response(status_code=204)
        return _problem(404, f"there is no route {clean_path(path)!r}")

    async def _described(self, hub: RoutedHub, routes: list[Route]) -> dict[str, dict[str, object]]:
        last = await self._activity.of(hub, routes)
        return {
            route.path: {
                **route.data,
                **({"host": route.path.split("/")[1]} if hub.user_subdomains and route.path != "/" else {}),
                "last_activity": last[route.path].isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            }
            for route in routes
        }


async def _body(request: Request) -> dict[str, object]:
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > _MAX_BODY_BYTES:
            raise BadRouteError(f"the body is longer than {_MAX_BODY_BYTES} bytes")
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadRouteError(f"body not valid JSON: {error}") from None
    return data if isinstance(data, dict) else {}


def _since(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return _read_time(text)
    except ValueError:
        raise BadRouteError(f"invalid datestamp {text!r}: must be ISO8601") from None


def _read_time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


async def _refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, HubfleetError):
        raise error
    return _problem(_STATUS.get(type(error), 500), error.message, error.hint)


async def _http_refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return _problem(error.status_code, error.detail)


def _problem(status: int, detail: str, hint: str = "") -> Response:
    problem = Problem(title=detail, status=status, detail=detail, hint=hint)
    return Response(problem.model_dump_json(exclude_none=True), status, media_type="application/problem+json")
