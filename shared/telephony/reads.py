"""Looks calls up at the provider.

Rules: a list is whole or it is an error, because what is missing from it counts as evidence that nobody was called.
No StartTime filter: a call that is still queued has no start time. Only the sid of a call is required.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from shared.errors import ProviderAway
from shared.telephony import fields
from shared.telephony.account import ask, calls_path
from shared.telephony.credentials import Credentials
from shared.telephony.errors import ProviderRefused
from shared.telephony.http import ProviderHttp

_PAGE_SIZE: Final = 200  # of the provider's 1 to 1,000; a page stays well below the longest answer we take
_MOST_PAGES: Final = 50
_MOST_RECENT_PAGES: Final = 1000


@dataclass(frozen=True)
class ProviderCall:
    """A call as the provider tells of it. `duration` is in seconds; times are in UTC."""

    sid: str
    status: str | None = None
    to: str | None = field(default=None, repr=False)
    from_: str | None = field(default=None, repr=False)
    direction: str | None = None
    date_created: datetime | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    duration: int | None = None
    answered_by: str | None = None
    queue_time_ms: int | None = None


OnRepeat = Callable[[ProviderCall], None]
"""Is handed each row of a list whose call an earlier row showed."""


async def list_calls(
    http: ProviderHttp, credentials: Credentials, *, to: str, from_: str, on_repeat: OnRepeat | None = None
) -> list[ProviderCall]:
    """All calls between two numbers, each once. Raises ProviderAway when any page could not be had.

    What the provider lists is not filtered again: a number written differently must not hide a call. A row that it
    shows again, on the same page or on another, is handed to `on_repeat`.
    """
    found: dict[str, ProviderCall] = {}
    async for page in _pages(http, credentials, {"To": to, "From": from_}, _MOST_PAGES):
        for call in page:
            if found.setdefault(call.sid, call) is not call and on_repeat is not None:
                on_repeat(call)
    return list(found.values())


async def list_recent(
    http: ProviderHttp, credentials: Credentials, since: datetime, on_repeat: OnRepeat | None = None
) -> AsyncIterator[ProviderCall]:
    """The account's calls created at `since` or later or at an unknown time, each once, newest first.

    The listing ends at the first page that lies below `since` as a whole. Raises ProviderAway.
    """
    seen: set[str] = set()
    async for page in _pages(http, credentials, {}, _MOST_RECENT_PAGES):
        recent = [call for call in page if call.date_created is None or call.date_created >= since]
        if page and not recent:
            return
        for call in recent:
            if call.sid not in seen:
                seen.add(call.sid)
                yield call
            elif on_repeat is not None:
                on_repeat(call)


async def fetch_call(http: ProviderHttp, credentials: Credentials, sid: str) -> ProviderCall | None:
    """One call, or None when the provider does not know it (yet). Raises ProviderAway."""
    try:
        answer = await ask(http, credentials, calls_path(credentials, sid))
    except ProviderRefused as refused:
        if refused.status == 404:
            return None
        raise
    return _call(answer.object())


async def _pages(
    http: ProviderHttp, credentials: Credentials, query: Mapping[str, str], most: int
) -> AsyncIterator[list[ProviderCall]]:
    path = calls_path(credentials)
    asked: Mapping[str, object] | None = {**query, "PageSize": _PAGE_SIZE}
    for _ in range(most):
        body = (await ask(http, credentials, path, query=asked)).object()
        if body is None or not isinstance(body.get("calls"), list):
            raise ProviderAway("the provider's list cannot be read")
        yield [_call(one) for one in body["calls"]]
        following = fields.text(body.get("next_page_uri"))
        if following is None:
            return
        path, asked = following, None
    raise ProviderAway(f"the provider's list has more than {most} pages")


def _call(body: Mapping[str, Any] | None) -> ProviderCall:
    sid = fields.call_sid(body.get("sid")) if isinstance(body, dict) else None
    if body is None or sid is None:
        raise ProviderAway("the provider told of a call without a sid")
    return ProviderCall(
        sid=sid,
        status=fields.text(body.get("status")),
        to=fields.text(body.get("to")),
        from_=fields.text(body.get("from")),
        direction=fields.text(body.get("direction")),
        date_created=fields.moment(body.get("date_created")),
        start_time=fields.moment(body.get("start_time")),
        end_time=fields.moment(body.get("end_time")),
        duration=fields.whole(body.get("duration")),
        answered_by=fields.text(body.get("answered_by")),
        queue_time_ms=fields.whole(body.get("queue_time")),
    )
