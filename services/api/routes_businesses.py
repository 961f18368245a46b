"""Businesses: made by the platform, changed by their admins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from services.api.bodies import read_object
from services.api.business_answers import BusinessAnswer, BusinessBody, ChangeBody, business_answer
from services.api.business_changes import change_business, create_business
from services.api.business_fields import read_change
from services.api.dependencies import CurrentPrincipal, RowId, TheContext, pools_for, require_role
from services.api.errors import not_found
from services.api.openapi import json_body, problems
from shared import metrics
from shared.auth import Principal, Role
from shared.logs import logger
from shared.queries.businesses import read_business

router = APIRouter(tags=["businesses"])


@router.post(
    "/api/businesses", status_code=201, responses=problems(403, 413, 422), openapi_extra=json_body(BusinessBody)
)
async def add_business(request: Request, api: TheContext, principal: CurrentPrincipal) -> BusinessAnswer:
    """Make a business. For the platform_admin."""
    require_role(principal, Role.PLATFORM_ADMIN)
    body = await read_object(request, BusinessBody.model_fields)
    given = {name: value for name, value in body.items() if value is not None}
    return business_answer(await create_business(api, read_change(given, required=("name",))))


async def permitted(principal: CurrentPrincipal, business_id: RowId) -> Principal:
    """Return who may know this business: those it is their own of, and the platform_admin."""
    if principal.business_id not in (None, business_id):
        metrics.SECURITY_EVENTS.labels(kind="foreign_business").inc()
        logger().warning(
            "SECURITY", kind="foreign_business", business_id=principal.business_id, owner_business_id=business_id
        )
        raise not_found()
    return principal


Permitted = Annotated[Principal, Depends(permitted)]


@router.get("/api/businesses/{business_id}", responses=problems(404))
async def show_business(api: TheContext, principal: Permitted, business_id: RowId) -> BusinessAnswer:
    """Show a business, without its secrets."""
    business = await read_business(pools_for(api, principal).db, business_id)
    if business is None:
        raise not_found()
    return business_answer(business)


@router.patch(
    "/api/businesses/{business_id}", responses=problems(403, 404, 413, 422), openapi_extra=json_body(ChangeBody)
)
async def edit_business(request: Request, api: TheContext, principal: Permitted, business_id: RowId) -> BusinessAnswer:
    """Change a business. A lower cap leaves live calls alone; `twilio` null goes back to the shared account."""
    require_role(principal, Role.ADMIN)
    change = read_change(await read_object(request, ChangeBody.model_fields))
    return business_answer(await change_business(api, principal, business_id, change))
