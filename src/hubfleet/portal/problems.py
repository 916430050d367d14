"""Each refusal in the form that its reader understands: problem+json (RFC 9457) for programs, a page for people."""

import logging
import math
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from hubfleet.errors import HubfleetError, RefusedError, StateError, TemporaryError
from hubfleet.portal.people import PREFIX, SignedOutError
from hubfleet.protocol.messages import Problem

_log = logging.getLogger(__name__)

API = f"{PREFIX}api/"
MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5.0


def install(app: FastAPI) -> None:
    """Let an app answer with problems and error pages."""

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HubfleetError)
        if isinstance(error, SignedOutError) and request.method == "GET" and not _for_program(request):
            path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            begun: Response = request.app.state.sign_in.begin(path)
            return begun
        status = _status(error)
        if status >= 500:
            _log.warning("%s %s: %s", request.method, request.url.path, error)
        retry = RETRY_AFTER_S if isinstance(error, TemporaryError) else None
        return _answer(request, status, error.message, error.hint, retry)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        if not _for_program(request):
            return _answer(request, 404, "there is no such page")
        # never the input itself: it may hold a token
        wrong = [f"{'.'.join(map(str, item['loc']))[:200]}: {item['msg'][:200]}" for item in error.errors()[:10]]
        return _answer(request, 422, "; ".join(wrong), "see the API's description")

    async def other(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        answer = _answer(request, error.status_code, _plain(error.status_code, str(error.detail)))
        answer.headers.update(error.headers or {})
        return answer

    async def fault(request: Request, error: Exception) -> Response:
        _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return _answer(request, 500, "something went wrong inside the portal", "see its log")

    app.add_exception_handler(HubfleetError, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, other)
    app.add_exception_handler(Exception, fault)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the refusals of a route for its OpenAPI description; those that every route has come along."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in sorted({401, 403, 422, 503, *statuses})
    }


def describe(app: FastAPI) -> None:
    """Add the schema of a problem to the app's OpenAPI description."""
    made = app.openapi

    def with_problem() -> dict[str, Any]:
        schema = made()
        schemas = schema.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        return schema

    # FastAPI's own way to extend the description: https://fastapi.tiangolo.com/how-to/extending-openapi/
    app.openapi = with_problem  # type: ignore[method-assign]


def _for_program(request: Request) -> bool:
    return request.url.path.startswith(API)


def _status(error: HubfleetError) -> int:
    if isinstance(error, RefusedError):
        return error.status
    return 503 if isinstance(error, StateError | TemporaryError) else 502


def _plain(status: int, detail: str) -> str:
    return {404: "there is no such page", 405: "this address does not do that"}.get(status, detail)


def _answer(request: Request, status: int, detail: str, hint: str = "", retry_after_s: float | None = None) -> Response:
    headers = {} if retry_after_s is None else {"Retry-After": str(math.ceil(retry_after_s))}
    if not _for_program(request):
        page: Response = request.app.state.look.error(status, detail, hint)
        page.headers.update(headers)
        return page
    problem = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail[:2000],
        hint=hint[:2000],
        retry_after_s=retry_after_s,
    )
    return JSONResponse(problem.model_dump(mode="json"), status, headers, media_type=MEDIA_TYPE)
