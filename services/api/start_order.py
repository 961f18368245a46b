"""What somebody wants to have dialled, read from a body that may name 100,000 leads."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, Field

from services.api.bodies import Fields
from services.api.twiml import LONGEST_TWIML, LONGEST_URL, is_well_formed, url_refusal
from shared.auth import LARGEST_ID

MOST_LEADS = 100_000
LONGEST_NAME = 200
SHORTEST_RING, LONGEST_RING = 5, 600
ON_UNCERTAIN = ("redial_when_absent", "never")
E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)


class StartBody(BaseModel):
    """The leads to ring, and what they are to hear. The document of the body; it is checked by `read_order`."""

    lead_ids: Annotated[list[int], Field(min_length=1, max_length=MOST_LEADS)] | None = None
    from_run: Annotated[int | None, Field(description="a run that has ended: its leads that were never rung")] = None
    name: Annotated[str | None, Field(max_length=LONGEST_NAME)] = None
    twiml: Annotated[str | None, Field(max_length=LONGEST_TWIML, description="well-formed XML")] = None
    twiml_url: Annotated[str | None, Field(description="https, or http to this machine; instead of twiml")] = None
    from_number: Annotated[str | None, Field(description="E.164")] = None
    ring_timeout: Annotated[int, Field(ge=SHORTEST_RING, le=LONGEST_RING, description="seconds")] = 60
    on_uncertain: Literal["redial_when_absent", "never"] = "redial_when_absent"


@dataclass(frozen=True, slots=True)
class StartOrder:
    """A run to be made: exactly one of `lead_ids` and `from_run`; `run` holds its other columns."""

    lead_ids: list[int] | None
    from_run: int | None
    run: dict[str, Any]
    body_hash: bytes


def read_order(body: dict[str, Any]) -> StartOrder:
    """Return the order in a body. Raises Invalid with every field that is not valid."""
    fields = Fields(body)
    lead_ids, from_run = _leads(fields)
    run = {
        "name": fields.text("name", LONGEST_NAME),
        **_twiml(fields),
        "from_number": _number(fields),
        "ring_timeout": fields.integer("ring_timeout", SHORTEST_RING, LONGEST_RING),
        "on_uncertain": fields.choice("on_uncertain", ON_UNCERTAIN),
    }
    fields.check()
    return StartOrder(lead_ids, from_run, run, _hash(body))


def _hash(body: dict[str, Any]) -> bytes:
    """Two bodies that say the same have one hash, whatever the order of keys or the white space."""
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).digest()


def _leads(fields: Fields) -> tuple[list[int] | None, int | None]:
    if fields.has("lead_ids") == fields.has("from_run"):
        fields.refuse("lead_ids", "field.one_of_lead_ids_and_from_run")
        return None, None
    if fields.has("from_run"):
        return None, fields.integer("from_run", 1, LARGEST_ID)
    ids = fields.get("lead_ids")
    if not isinstance(ids, list):
        fields.refuse("lead_ids", "field.not_a_list")
    elif not ids:
        fields.refuse("lead_ids", "field.too_few", count=1)
    elif len(ids) > MOST_LEADS:
        fields.refuse("lead_ids", "field.too_many_leads", count=MOST_LEADS)
    elif (index := _first_non_integer(ids)) is not None:
        fields.refuse("lead_ids", "field.not_an_integer", index=index)
    elif min(ids) < 1 or max(ids) > LARGEST_ID:
        index = next(place for place, number in enumerate(ids) if not 1 <= number <= LARGEST_ID)
        fields.refuse("lead_ids", "field.out_of_range", index=index, minimum=1, maximum=LARGEST_ID)
    else:
        return ids, None
    return None, None


def _first_non_integer(ids: list[Any]) -> int | None:
    if set(map(type, ids)) == {int}:  # true and false are no integers here
        return None
    return next(place for place, number in enumerate(ids) if type(number) is not int)


def _twiml(fields: Fields) -> dict[str, str | None]:
    if fields.has("twiml") == fields.has("twiml_url"):
        fields.refuse("twiml", "field.one_of_twiml_and_twiml_url")
        return {}
    twiml = fields.text("twiml", LONGEST_TWIML)
    if twiml is not None and not is_well_formed(twiml):
        fields.refuse("twiml", "field.bad_xml")
    url = fields.text("twiml_url", LONGEST_URL)
    if url is not None and (reason := url_refusal(url)):
        fields.refuse("twiml_url", reason)
    return {"twiml": twiml, "twiml_url": url}


def _number(fields: Fields) -> str | None:
    number = fields.text("from_number", 20)
    if number is not None and not E164.fullmatch(number):
        fields.refuse("from_number", "field.not_e164")
    return number
