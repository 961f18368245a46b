"""Leads, in and out."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.api.bodies import read_object
from services.api.dependencies import Acting, CurrentPage, CurrentReading, acting
from services.api.errors import invalid
from services.api.lead_answers import ImportedAnswer, LeadAnswer, LeadList, LeadsBody, TakenAnswer
from services.api.lead_import import Imported, import_leads
from services.api.lead_intake import TakenIn, read_items, take_leads
from services.api.openapi import file_body, json_body, problems
from services.api.reasons import Refused
from services.api.regions import region_of
from services.api.uploads import uploaded_file
from shared.auth import Role
from shared.queries.leads import page_of_leads

router = APIRouter(tags=["leads"])

Operator = Annotated[Acting, Depends(acting(Role.OPERATOR))]


@router.post(
    "/api/leads",
    response_model=TakenAnswer,
    responses=problems(404, 413, 422),
    openapi_extra=json_body(LeadsBody),
)
async def add_leads(request: Request, asker: Operator) -> Response:
    """Create leads, and update those whose number is known. A bad one is named and costs none of the others."""
    items = read_items(await read_object(request, LeadsBody.model_fields))
    return _taken(await take_leads(asker, items, await region_of(asker)), asker.locale)


@router.post(
    "/api/leads/import",
    response_model=ImportedAnswer,
    responses=problems(404, 413, 422),
    openapi_extra=file_body("CSV with a header: phone, name, others become attributes; UTF-8 or windows-1255"),
)
async def import_file(request: Request, asker: Operator) -> Response:
    """Take in a CSV file of leads. Bad lines are named; anything else that goes wrong leaves nothing behind."""
    async with uploaded_file(request, "file") as file:
        try:
            imported = await import_leads(asker, file, await region_of(asker))
        except Refused as refused:
            raise invalid("file", refused.reason.key, **refused.reason.values) from None
    return _imported(imported, asker.locale)


@router.get("/api/leads", responses=problems(422))
async def list_leads(reader: CurrentReading, page: CurrentPage) -> LeadList:
    """List leads in the order of their ids."""
    found = await page_of_leads(reader.db, reader.business_id, page.after or 0, page.limit + 1)
    items = [LeadAnswer.model_validate(lead, from_attributes=True) for lead in found[: page.limit]]
    return LeadList(items=items, next=items[-1].id if len(found) > page.limit else None)


def _taken(taken: TakenIn, locale: str) -> Response:
    bad = [{"index": lead.index, "phone": lead.phone, "reason": lead.reason.text(locale)} for lead in taken.invalid]
    return _json({"created": taken.created, "updated": taken.updated, "invalid": bad, "lead_ids": taken.lead_ids})


def _imported(imported: Imported, locale: str) -> Response:
    bad = [{"line": line.line, "phone": line.phone, "reason": line.reason.text(locale)} for line in imported.invalid]
    counts = {"created": imported.created, "updated": imported.updated, "invalid_count": imported.invalid_count}
    return _json({**counts, "invalid": bad})


def _json(answer: object) -> Response:
    return Response(orjson.dumps(answer), media_type="application/json")
