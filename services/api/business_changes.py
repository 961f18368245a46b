"""Makes and changes businesses, and seals what must not be read back.

Rules: an auth token is sealed before it goes to the database, and without SECRETS_KEY it goes nowhere; an account that
another business uses is attached by a platform_admin or not at all.
"""

from __future__ import annotations

from services.api.business_fields import BusinessChange, NewAccount
from services.api.context import Context
from services.api.errors import invalid, not_found
from shared.auth import Principal, Role
from shared.crashpoints import crash_point
from shared.queries.businesses import Business, SealedAccount, Verdict, read_business, save_business
from shared.sealing import Sealer


async def create_business(api: Context, change: BusinessChange) -> Business:
    """Make a business with what is given, and our settings for the rest."""
    settings = api.settings
    defaults = {
        "max_concurrent_calls": settings.max_concurrent_calls,
        "calls_per_second": settings.calls_per_second,
    }
    crash_point("api.business.before")
    verdict, business_id = await save_business(
        api.platform.db, None, {**defaults, **change.fields}, account=_sealed(api, change.account), may_share=True
    )
    crash_point("api.business.made")
    _require_done(verdict)
    return await _read(api, business_id)


async def change_business(api: Context, principal: Principal, business_id: int, change: BusinessChange) -> Business:
    """Change a business that `principal` may change."""
    may_share = principal.role is Role.PLATFORM_ADMIN
    if change.account and not may_share and change.account.account_sid == api.settings.twilio_account_sid:
        _require_done("taken")
    pools = api.platform if may_share or change.touches_accounts else api.own
    crash_point("api.business.changing")
    verdict, _ = await save_business(
        pools.db,
        business_id,
        change.fields,
        account=_sealed(api, change.account),
        detach=change.detach,
        may_share=may_share,
    )
    crash_point("api.business.changed")
    _require_done(verdict)
    api.locales.forget(business_id)
    return await _read(api, business_id)


async def _read(api: Context, business_id: int | None) -> Business:
    business = await read_business(api.platform.db, business_id) if business_id is not None else None
    if business is None:
        raise RuntimeError("a business that was saved can be read")
    return business


def _sealed(api: Context, account: NewAccount | None) -> SealedAccount | None:
    if account is None:
        return None
    sealer = Sealer.of(api.settings)
    if sealer is None:
        raise invalid("twilio", "field.no_secrets_key")
    return SealedAccount(account.account_sid, sealer.seal(account.auth_token, account.account_sid))


def _require_done(verdict: Verdict) -> None:
    match verdict:
        case "done":
            return
        case "not_found":
            raise not_found()
        case "taken":
            raise invalid("twilio.account_sid", "field.account_taken")
        case "live_calls":
            raise invalid("twilio", "field.account_in_use")
