"""Who asks, and for which business: what routes are given before they do anything.

Rules: the token is judged before anything else of a request; a business id reaches a statement only from here; under
a business's own token every statement runs under the API's role, under a platform_admin's under the platform's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Query, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from services.api.context import Context, Pools
from services.api.errors import Invalid, forbidden, invalid, not_found, unauthorized, unavailable
from services.api.languages import locale_of
from shared import metrics
from shared.auth import LARGEST_ID, Principal, Role
from shared.db import Database
from shared.errors import Unauthorized
from shared.logs import logger

DEFAULT_LIMIT = 100
LARGEST_LIMIT = 1000


def _digits(value: object) -> object:
    """Take the plain decimal notation of a number and no other."""
    if isinstance(value, str) and not (value.isascii() and value.isdigit() and len(value) <= 20):
        raise PydanticCustomError("int_parsing", "not a whole number")
    return value


WholeNumber = Annotated[int, BeforeValidator(_digits)]
RowId = Annotated[WholeNumber, Path(ge=1, le=LARGEST_ID)]
"""An id in a path; anything that no row can have is answered 404."""
OptionalId = Annotated[WholeNumber | None, Query(ge=1, le=LARGEST_ID)]

_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="HS256, or RS256 and ES256 by key set")


def context(request: Request) -> Context:
    """Return what this process shares, or refuse while it is not ready to work."""
    api: Context = request.app.state.api
    if not api.ready:
        raise unavailable()
    return api


TheContext = Annotated[Context, Depends(context)]


async def current_principal(
    request: Request, api: TheContext, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
) -> Principal:
    """Return who asks, or refuse with 401."""
    if credentials is None:
        raise unauthorized()
    try:
        principal = await api.verifier.verify(credentials.credentials)
    except Unauthorized:
        raise unauthorized() from None
    request.state.principal = principal
    _refuse_doubled_parameters(request)
    return principal


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]


def _refuse_doubled_parameters(request: Request) -> None:
    names = [name for name, _ in request.query_params.multi_items()]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise Invalid([(name, "field.bad_value", {}) for name in doubled])


@dataclass(frozen=True, slots=True)
class Acting:
    """Somebody who acts for one business.

    `bulk` is for writing very many rows, `ending` for ending runs; `locale` is that of his answers.
    """

    principal: Principal
    business_id: int
    db: Database
    bulk: Database
    ending: Database
    locale: str


@dataclass(frozen=True, slots=True)
class Reading:
    """Somebody who reads, for one business or, as platform_admin, for all: then `business_id` is None."""

    principal: Principal
    business_id: int | None
    db: Database


def acting(role: Role) -> Callable[..., Awaitable[Acting]]:
    """Return a dependency that lets in whoever has at least this role, for one business that exists."""

    async def dependency(
        request: Request, api: TheContext, principal: CurrentPrincipal, business_id: OptionalId = None
    ) -> Acting:
        require_role(principal, role)
        named = _named_business(principal, business_id)
        if named is None:
            raise invalid("business_id", "field.business_needed")
        if await api.locales.of(named) is None:
            raise not_found()
        request.state.business_id = named
        pools = pools_for(api, principal)
        return Acting(principal, named, pools.db, pools.bulk, pools.ending, await locale_of(request))

    return dependency


async def reading(
    request: Request, api: TheContext, principal: CurrentPrincipal, business_id: OptionalId = None
) -> Reading:
    """Return who reads; every role may."""
    request.state.business_id = _named_business(principal, business_id)
    return Reading(principal, request.state.business_id, pools_for(api, principal).db)


CurrentReading = Annotated[Reading, Depends(reading)]


def require_role(principal: Principal, role: Role) -> None:
    """Refuse whoever has a smaller role than this."""
    if not principal.role.allows(role):
        raise forbidden()


def pools_for(api: Context, principal: Principal) -> Pools:
    """Return the pools under the role of the database that this principal may use."""
    return api.platform if principal.role is Role.PLATFORM_ADMIN else api.own


def _named_business(principal: Principal, named: int | None) -> int | None:
    """Return the business to work for. Naming somebody else's is refused, not ignored: the asker is mistaken."""
    own = principal.business_id
    if own is None:
        return named
    if named is not None and named != own:
        metrics.SECURITY_EVENTS.labels(kind="foreign_business").inc()
        logger().warning("SECURITY", kind="foreign_business", business_id=own, owner_business_id=named)
        raise forbidden()
    return own


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is wanted: at most `limit` items beyond `after`."""

    limit: int
    after: int | None


def page(
    limit: Annotated[WholeNumber, Query(ge=1, le=LARGEST_LIMIT)] = DEFAULT_LIMIT,
    after: Annotated[WholeNumber | None, Query(ge=0, le=LARGEST_ID, description="0: from the beginning")] = None,
) -> Page:
    """Return the part of a list that the query asks for."""
    return Page(limit, after or None)


CurrentPage = Annotated[Page, Depends(page)]
