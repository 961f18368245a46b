"""In which language somebody is answered: Accept-Language, else his business's locale, which is kept for a moment."""

from __future__ import annotations

import time

from fastapi import Request

from shared.auth import Principal
from shared.db import Database
from shared.errors import DatabaseAway, DatabaseBusy
from shared.messages import DEFAULT_LOCALE, choose_locale
from shared.queries.locales import read_locale

KEPT_SECONDS = 5.0
MOST_KEPT = 10_000


class Locales:
    """The locales of businesses, each read at most once in KEPT_SECONDS. None for a business that does not exist."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._kept: dict[int, tuple[float, str | None]] = {}

    async def of(self, business_id: int) -> str | None:
        """Return the locale of a business. Raises DatabaseAway or DatabaseBusy."""
        until, locale = self._kept.get(business_id, (0.0, None))
        if until < time.monotonic():
            locale = await read_locale(self._db, business_id)
            if locale is not None:
                self._keep(business_id, locale)
        return locale

    def forget(self, business_id: int) -> None:
        """Read the locale of a business anew when it is next needed."""
        self._kept.pop(business_id, None)

    def _keep(self, business_id: int, locale: str) -> None:
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[business_id] = (time.monotonic() + KEPT_SECONDS, locale)


async def locale_of(request: Request) -> str:
    """Return the language in which this request is answered."""
    fallback = await _locale_of_business(request)
    return choose_locale(request.headers.get("accept-language"), fallback)


async def _locale_of_business(request: Request) -> str:
    business_id = business_of(request)
    if business_id is None:
        return DEFAULT_LOCALE
    try:
        return await request.app.state.api.locales.of(business_id) or DEFAULT_LOCALE
    except (DatabaseAway, DatabaseBusy):
        return DEFAULT_LOCALE


def business_of(request: Request) -> int | None:
    """Return the business that is worked for, which a platform_admin names, else the asker's own."""
    named: int | None = getattr(request.state, "business_id", None)
    principal: Principal | None = getattr(request.state, "principal", None)
    return named if named is not None or principal is None else principal.business_id
