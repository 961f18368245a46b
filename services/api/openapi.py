"""What the OpenAPI document says beyond the routes' own signatures: request bodies that we read, and errors."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

DESCRIPTION = "Outbound calling campaigns: each lead rung once, never more calls at a time than a business allows."

_WORDS = {
    401: "unauthorized: no token, or a bad or expired one",
    403: "forbidden: the role does not allow this, or the run is another business's",
    404: "not_found",
    409: "illegal_transition: the run has ended already",
    413: "too_large",
    422: "invalid: `fields` names what is wrong",
    429: "rate_limited: see Retry-After",
    503: "unavailable: see Retry-After",
}


class FieldProblem(BaseModel):
    """A field that is not valid. `index` is there where the field is a list and one item of it is meant."""

    field: str
    reason: str
    index: int | None = None


class Problem(BaseModel):
    """What every refusal looks like."""

    error: str
    code: str
    fields: list[FieldProblem] | None = None
    status: str | None = None


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of the refusals that a route can give, on top of those that all can."""
    return {status: {"model": Problem, "description": _WORDS[status]} for status in (401, *statuses, 503)}


def json_body(model: type[BaseModel], *, required: bool = True) -> dict[str, Any]:
    """Return the documentation of a body that the route reads by itself."""
    schema = model.model_json_schema(ref_template="{model}")
    schema = _inlined(schema, schema.pop("$defs", {}))
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}


def _inlined(schema: Any, models: dict[str, Any]) -> Any:
    """Put each model in the place where it is named: FastAPI does not know of bodies that a route reads by itself."""
    if isinstance(schema, dict) and schema.get("$ref") in models:
        return _inlined(models[schema["$ref"]], models)
    if isinstance(schema, dict):
        return {key: _inlined(value, models) for key, value in schema.items()}
    return [_inlined(value, models) for value in schema] if isinstance(schema, list) else schema


def file_body(description: str) -> dict[str, Any]:
    """Return the documentation of a form with one file, which the route reads by itself."""
    file = {"type": "string", "format": "binary", "description": description}
    schema = {"type": "object", "required": ["file"], "properties": {"file": file}}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


def document_errors(app: FastAPI) -> None:
    """Replace FastAPI's own shape of a 422, which never occurs, by ours."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        schemas = document.get("components", {}).get("schemas", {})
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        for path in document["paths"].values():
            for operation in path.values():
                _use_our_shape(operation)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _use_our_shape(operation: dict[str, Any]) -> None:
    answer = operation.get("responses", {}).get("422")
    schema = (answer or {}).get("content", {}).get("application/json", {}).get("schema", {})
    if schema.get("$ref", "").endswith("/HTTPValidationError"):
        schema["$ref"] = "#/components/schemas/Problem"
        answer["description"] = _WORDS[422]
