"""REST resources as Twilio renders them.

Rules: every documented property is there, null when unknown, and no other, unless the mode is `as_observed`; a
stale or lying call is shown as its rule wants.
"""

import time
from collections.abc import Sequence
from email.utils import format_datetime
from typing import Any, Literal
from urllib.parse import urlencode

from simulator.accounts import Account
from simulator.call import Call
from simulator.dates import rfc2822
from simulator.ledger import Moment
from simulator.numbers import formatted, number_sid

PREFIX = "/2010-04-01/Accounts"
SUBRESOURCES = {
    "notifications": "Notifications",
    "recordings": "Recordings",
    "payments": "Payments",
    "events": "Events",
    "siprec": "Siprec",
    "streams": "Streams",
    "transcriptions": "Transcriptions",
    "user_defined_message_subscriptions": "UserDefinedMessageSubscriptions",
    "user_defined_messages": "UserDefinedMessages",
}

Mode = Literal["spec", "as_observed"]


def visible(call: Call) -> list[tuple[str, Moment]]:
    """The states that a read shows now, none when the call is deleted or not yet to be seen."""
    if call.entry.deleted:
        return []
    lag = float((call.mode("rest_stale") or {}).get("lag", 0.0))
    return call.states_at(time.monotonic() - lag)


def status(call: Call, states: list[tuple[str, Moment]]) -> str:
    """The REST status: initiated counts as queued; a lying call shows what its rule says once it is over."""
    name, moment = states[-1]
    lie = call.mode("lying_status")
    if lie is not None and name == call.entry.outcome and _still_lying(lie, moment):
        return str(lie.get("status", "ringing"))
    return "queued" if name == "initiated" else name


def _still_lying(lie: dict[str, Any], ended: Moment) -> bool:
    seconds = lie.get("seconds")
    return seconds is None or time.monotonic() < ended.mono + float(seconds)


def call_resource(call: Call, mode: Mode) -> dict[str, Any]:
    """The call as a read shows it; the call must be visible."""
    states = visible(call) or call.states_at(float("inf"))[:1]
    times, shown, entry = dict(states), status(call, states), call.entry
    completed = shown == "completed"
    uri = f"{PREFIX}/{entry.account}/Calls/{call.sid}"
    resource = {
        "sid": call.sid,
        "date_created": rfc2822(times["queued"].at),
        "date_updated": rfc2822(states[-1][1].at),
        "parent_call_sid": None,
        "account_sid": entry.account,
        "to": entry.to,
        "to_formatted": formatted(entry.to),
        "from": entry.from_,
        "from_formatted": formatted(entry.from_),
        "phone_number_sid": number_sid(entry.from_),
        "status": shown,
        "start_time": rfc2822(times["initiated"].at) if "initiated" in times else None,
        "end_time": rfc2822(times["completed"].at) if completed and "completed" in times else None,
        "duration": str(entry.duration or 0) if completed else None,
        "price": None,
        "price_unit": "USD",
        "direction": "outbound-api",
        "answered_by": entry.answered_by,
        "api_version": "2010-04-01",
        "forwarded_from": None,
        "group_sid": None,
        "caller_name": None,
        "queue_time": str(entry.queue_ms),
        "trunk_sid": None,
        "uri": uri + ".json",
        "subresource_uris": {name: f"{uri}/{part}.json" for name, part in SUBRESOURCES.items()},
    }
    return resource if mode == "spec" else _as_observed(resource, shown)


def _as_observed(resource: dict[str, Any], shown: str) -> dict[str, Any]:
    """Where real answers were seen to deviate from the published description."""
    resource |= {"annotation": None, "trunk_sid": "", "caller_name": ""}
    if shown == "queued":
        resource["date_created"] = None
    if shown == "ringing":
        resource["duration"] = "0"
    return resource


def account_resource(account: Account) -> dict[str, Any]:
    uri = f"{PREFIX}/{account.sid}"
    created = format_datetime(account.created)
    return {
        "auth_token": account.primary_token,
        "date_created": created,
        "date_updated": created,
        "friendly_name": f"Simulated account {account.sid[-4:]}",
        "owner_account_sid": account.settings.parent or account.sid,
        "sid": account.sid,
        "status": account.status,
        "subresource_uris": {"balance": f"{uri}/Balance.json", "calls": f"{uri}/Calls.json"},
        "type": "Full",
        "uri": uri + ".json",
    }


def balance_resource(account: Account) -> dict[str, Any]:
    return {"account_sid": account.sid, "balance": "100.00", "currency": "USD"}


def page(
    name: str,
    rows: Sequence[dict[str, Any]],
    path: str,
    query: Sequence[tuple[str, str]],
    number: int,
    size: int,
    next_token: str | None,
) -> dict[str, Any]:
    """A list's envelope; `next_token` names the row after which the next page begins, None on the last page."""
    kept = [(key, value) for key, value in query if key not in ("Page", "PageSize", "PageToken")]

    def uri(**more: str | int) -> str:
        return f"{path}?{urlencode([*kept, ('PageSize', str(size)), *more.items()])}"

    start = number * size
    following = None if next_token is None else uri(Page=number + 1, PageToken=next_token)
    return {
        name: list(rows),
        "end": start + max(len(rows) - 1, 0),
        "start": start,
        "page": number,
        "page_size": size,
        "uri": uri(Page=number),
        "first_page_uri": uri(Page=0),
        "next_page_uri": following,
        "previous_page_uri": uri(Page=number - 1) if number else None,
    }
