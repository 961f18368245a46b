"""Starting a run."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from starlette.responses import Response

from services.api.bodies import read_object
from services.api.dependencies import Acting, TheContext, acting
from services.api.errors import invalid
from services.api.openapi import json_body, problems
from services.api.run_answers import StartedAnswer
from services.api.start import start
from services.api.start_order import StartBody, read_order
from shared.auth import Role

router = APIRouter(tags=["runs"])

KEY = re.compile(r"[\x21-\x7e]{1,255}")


def idempotency_key(
    request: Request, idempotency_key: Annotated[str | None, Header(description="1 to 255 visible characters")] = None
) -> str | None:
    """Return the key of this request. Raises Invalid for one that is not 1 to 255 visible ASCII characters."""
    keys = request.headers.getlist("idempotency-key")
    if len(keys) > 1 or (keys and not KEY.fullmatch(keys[0])):
        raise invalid("Idempotency-Key", "field.bad_idempotency_key")
    return idempotency_key


@router.post(
    "/api/outbound_calls/start",
    status_code=201,
    response_model=StartedAnswer,
    responses=problems(404, 413, 422),
    openapi_extra=json_body(StartBody),
)
async def start_run(
    request: Request,
    api: TheContext,
    asker: Annotated[Acting, Depends(acting(Role.OPERATOR))],
    key: Annotated[str | None, Depends(idempotency_key)],
) -> Response:
    """Start a run over leads, or over those that an ended run never rang."""
    order = read_order(await read_object(request, StartBody.model_fields))
    return Response(await start(api, asker, order, key), 201, media_type="application/json")
