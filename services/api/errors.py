"""Everything the API refuses, in one shape: `{error, code, …}` with the text in the asker's language.

Rules: a refusal is raised as ApiError by whoever decides it and rendered here alone; what FastAPI, the database and
the token refuse is translated here as well, so that no other shape ever leaves this process.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from services.api.languages import locale_of
from shared import messages
from shared.corrections import note_outage
from shared.errors import DatabaseAway, DatabaseBusy, KeysAway, RingfenceError
from shared.logs import logger

RETRY_SECONDS = 1
"""What a 503 asks for in Retry-After: servers that come back are noticed within a second."""

FieldError = tuple[str, str, Mapping[str, Any]]
"""A field's name, the key of the reason's text, and the values that stand in it; `index` also goes into the body."""


class ApiError(RingfenceError):
    """The API refuses a request."""

    def __init__(
        self,
        status: int,
        code: str,
        message_key: str,
        /,
        count: int | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        **values: object,
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.headers = dict(headers or {})
        self._key = message_key
        self._count = count
        self._values = values
        self._body = dict(body or {})

    def body(self, locale: str) -> dict[str, Any]:
        """Return the answer's body in a language."""
        text = messages.text(locale, self._key, self._count, **self._values)
        return {"error": text, "code": self.code, **self._body}


class Invalid(ApiError):
    """Some fields of a request are not valid."""

    def __init__(self, fields: Sequence[FieldError]) -> None:
        super().__init__(422, "invalid", "invalid", len(fields))
        self.fields = list(fields)

    def body(self, locale: str) -> dict[str, Any]:
        """Return the answer's body in a language, with a reason for each field."""
        return {**super().body(locale), "fields": [_field(locale, *field) for field in self.fields]}


def _field(locale: str, name: str, key: str, values: Mapping[str, Any]) -> dict[str, Any]:
    place = {"index": values["index"]} if "index" in values else {}
    return {"field": name, "reason": messages.text(locale, key, **values), **place}


def invalid(field: str, reason_key: str, **values: Any) -> Invalid:
    """Return the refusal of one field."""
    return Invalid([(field, reason_key, values)])


def unauthorized() -> ApiError:
    """Return the refusal of a request without a good token."""
    return ApiError(401, "unauthorized", "unauthorized", headers={"WWW-Authenticate": "Bearer"})


def forbidden(message_key: str = "forbidden") -> ApiError:
    """Return the refusal of somebody who may not do this."""
    return ApiError(403, "forbidden", message_key)


def not_found(code: str = "not_found") -> ApiError:
    """Return the answer to an unknown id or address."""
    return ApiError(404, code, code)


def unavailable() -> ApiError:
    """Return the answer when a server that is needed is away or busy."""
    return ApiError(503, "unavailable", "unavailable", headers={"Retry-After": str(RETRY_SECONDS)})


def too_large(limit: int) -> ApiError:
    """Return the refusal of a body above `limit` bytes."""
    return ApiError(413, "too_large", "too_large", limit // 1_000_000, headers={"Connection": "close"})


async def render(request: Request, error: ApiError) -> Response:
    """Return an error as an answer in the asker's language."""
    return JSONResponse(error.body(await locale_of(request)), error.status, error.headers)


def install(app: FastAPI) -> None:
    """Let every error of this application leave it in the one shape."""
    app.add_exception_handler(ApiError, _refused)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _http)
    for kind in (DatabaseAway, DatabaseBusy, KeysAway):
        app.add_exception_handler(kind, _away)
    app.add_exception_handler(ClientDisconnect, _gone)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101 -- starlette hands over what was registered
    return await render(request, error)


async def _unreadable(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    details = error.errors()
    if any(detail["loc"][0] == "path" for detail in details):
        return await render(request, not_found())
    return await render(request, Invalid(list(_fields(details))))


_REASONS = {
    "missing": "field.required",
    "int_type": "field.not_an_integer",
    "int_parsing": "field.not_an_integer",
    "int_parsing_size": "field.not_an_integer",
    "bool_parsing": "field.not_a_boolean",
    "greater_than_equal": "field.too_small",
    "less_than_equal": "field.too_big",
}
"""The kinds of refusal that parameters of ours can meet, each with the key of its reason."""


def _fields(details: Iterable[Mapping[str, Any]]) -> Iterable[FieldError]:
    for detail in details:
        bounds = detail.get("ctx") or {}
        name = str(detail["loc"][-1])
        if detail["type"] == "enum" and name == "status":
            yield name, "field.unknown_status", {}
        else:
            values = {"minimum": bounds.get("ge"), "maximum": bounds.get("le")}
            yield name, _REASONS.get(detail["type"], "field.bad_value"), values


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    if error.status_code == 404:
        return await render(request, not_found())
    if error.status_code == 405:
        return await render(request, ApiError(405, "invalid", "method_not_allowed", headers=error.headers))
    return await render(request, ApiError(error.status_code, "invalid", "invalid", 1, headers=error.headers))


async def _away(request: Request, error: Exception) -> Response:
    api = request.app.state.api
    if isinstance(error, DatabaseAway):
        note_outage()
        api.health.set("database", up=False, reason=str(error))  # logged at the change, not at every request
    else:
        logger().warning("UNAVAILABLE", reason=str(error), path=request.url.path)
    return await render(request, unavailable())


async def _gone(_request: Request, _error: Exception) -> Response:
    return Response(status_code=400)  # nobody is there to read it
