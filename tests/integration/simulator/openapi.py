"""Twilio's published description of the Calls API as strict JSON schemas.

Strict: every documented property is present and no other is. The folder comes from RINGFENCE_TWILIO_OPENAPI, else it
is looked for beside the checkout; without it the names of the documented fields, listed here, are all that is
checked, and the run's last lines say so.
"""

import json
import os
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import jsonschema

SETTING = "RINGFENCE_TWILIO_OPENAPI"
BESIDE = Path(__file__).resolve().parents[3].parent / "shared" / "twilio-openapi"

FIELDS = {
    "api.v2010.account.call": (
        "account_sid answered_by api_version caller_name date_created date_updated direction duration "
        "end_time forwarded_from from from_formatted group_sid parent_call_sid phone_number_sid price price_unit "
        "queue_time sid start_time status subresource_uris to to_formatted trunk_sid uri"
    ),
    "api.v2010.account.call.call_event": "request response",
    "api.v2010.account.balance": "account_sid balance currency",
    "api.v2010.account": (
        "auth_token date_created date_updated friendly_name owner_account_sid sid status subresource_uris type uri"
    ),
}
ENVELOPE = {
    "end": "integer",
    "start": "integer",
    "page": "integer",
    "page_size": "integer",
    "uri": "string",
    "first_page_uri": "string",
    "next_page_uri": ["string", "null"],
    "previous_page_uri": ["string", "null"],
}

checker = jsonschema.FormatChecker(formats=[])


@checker.checks("date-time-rfc-2822", raises=ValueError)
def _is_date(value: object) -> bool:
    return value is None or parsedate_to_datetime(str(value)).tzinfo is not None


def file() -> Path | None:
    """The description, None when there is none."""
    folder = Path(os.environ.get(SETTING) or BESIDE)
    return folder / "calls.json" if (folder / "calls.json").is_file() else None


def missing() -> str | None:
    """The notice for the run's last lines, None when the description is there."""
    if file() is not None:
        return None
    return (
        f"NOT CHECKED against Twilio's OpenAPI description: {SETTING} names no folder with calls.json; "
        "only the names of the documented fields were checked"
    )


def check(name: str, content: Any) -> None:
    """Raise when a resource is not exactly as described."""
    found = file()
    schema = _from_names(name) if found is None else _strict(json.loads(found.read_text()), name)
    jsonschema.Draft202012Validator(schema, format_checker=checker).validate(content)


def check_list(rows: str, name: str, content: Any) -> None:
    """Raise when a list's envelope or one of its rows is not as described."""
    found = file()
    if found is None:
        properties: dict[str, Any] = {key: {"type": kind} for key, kind in ENVELOPE.items()}
        schema = _closed({**properties, rows: {"type": "array"}})
    else:
        schema = _list_schema(json.loads(found.read_text()), rows)
    jsonschema.Draft202012Validator(schema).validate(content)
    for row in content[rows]:
        check(name, row)


def _from_names(name: str) -> dict[str, Any]:
    return _closed({field: {} for field in FIELDS[name].split()})


def _strict(document: dict[str, Any], name: str) -> dict[str, Any]:
    schemas = document["components"]["schemas"]
    properties = {key: _resolved(schemas, one) for key, one in schemas[name]["properties"].items()}
    return _closed(properties)


def _list_schema(document: dict[str, Any], rows: str) -> dict[str, Any]:
    for path in document["paths"].values():
        answer = path.get("get", {}).get("responses", {}).get("200", {})
        schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
        if rows in schema.get("properties", {}):
            kept = {key: _nullable(one) for key, one in schema["properties"].items() if key != rows}
            return _closed({**kept, rows: {"type": "array"}})
    raise LookupError(f"no list of {rows} is described")


def _resolved(schemas: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return dict(schemas[schema["$ref"].rpartition("/")[2]])
    return _nullable(schema)


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if schema.get("nullable") and "type" in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return schema


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }
