"""Each refusal as problem+json (RFC 9457)."""

import logging
import math
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from hubfleet.agent.store import StoreFullError
from hubfleet.errors import HubfleetError, RefusedError, StateError, TemporaryError
from hubfleet.protocol.messages import Problem

_log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_RETRY_AFTER_S = 5.0


def problem_response(error: HubfleetError) -> Response:
    """Return the answer that says what was refused."""
    retry = getattr(error, "retry_after_s", None)
    if retry is None and isinstance(error, TemporaryError):
        retry = _RETRY_AFTER_S
    return _answer(_status(error), error.message, error.hint, retry)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the refusals of a route for its OpenAPI description; those that every route has come along."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({401, 422, 503, *statuses})
    }


def install(app: FastAPI) -> None:
    """Let an app answer with problems."""

    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, HubfleetError)
        return problem_response(error)

    async def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        # never the input itself: it may hold a token
        wrong = [f"{'.'.join(map(str, item['loc']))[:200]}: {item['msg'][:200]}" for item in error.errors()[:10]]
        return _answer(422, "; ".join(wrong), "see the API's description")

    async def other(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        answer = _answer(error.status_code, str(error.detail))
        answer.headers.update(error.headers or {})
        return answer

    async def fault(request: Request, error: Exception) -> Response:
        _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return _answer(500, "something went wrong inside hubfleet's agent", "see its log")

    app.add_exception_handler(HubfleetError, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, other)
    app.add_exception_handler(Exception, fault)


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


def _status(error: HubfleetError) -> int:
    if isinstance(error, RefusedError):
        return error.status
    if isinstance(error, StoreFullError):
        return 507
    if isinstance(error, StateError | TemporaryError):
        return 503
    return 500


def _answer(status: int, detail: str, hint: str = "", retry_after_s: float | None = None) -> Response:
    problem = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail[:2000],
        hint=hint[:2000],
        retry_after_s=retry_after_s,
    )
    headers = {} if retry_after_s is None else {"Retry-After": str(math.ceil(retry_after_s))}
    return JSONResponse(problem.model_dump(mode="json"), status, headers, media_type=MEDIA_TYPE)
