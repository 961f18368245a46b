"""Lets in what the provider signed, and nothing else.

Rules: the URL that was signed is the configured public one with path and query as they were sent, whatever any header
says; the signature is checked before anything else is told, so that a stranger cannot learn which tokens exist.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from uuid import UUID

from starlette.requests import Request

from services.webhook.form import Pairs, read_form
from services.webhook.keys import SigningKeys
from services.webhook.refusals import BadSignature, Invalid, Orphan, WrongAccount
from shared import metrics
from shared.logs import logger
from shared.queries.callbacks import FoundCall
from shared.telephony import fields, signature
from shared.telephony.callback import Callback, CallStatus, UnusableCallback, status_of

_TOKEN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ACCOUNT = re.compile(r"AC[0-9A-Za-z]{1,62}")
UNKNOWN_EVENT = "unknown"

log = logger()


@dataclass(frozen=True)
class Signed:
    """A request that the provider signed, about a call of ours."""

    token: UUID = field(repr=False)
    call: FoundCall
    callback: Callback
    pairs: Pairs = field(repr=False)


def event_of(pairs: Pairs) -> str:
    """The word that a status callback is counted under; strangers cannot make up new ones."""
    status = status_of(dict(pairs).get("CallStatus"))
    return status.value if status else UNKNOWN_EVENT


class Door:
    """Checks requests. `find` gives the call of a token."""

    def __init__(self, public_url: str, keys: SigningKeys, find: Callable[[UUID], Awaitable[FoundCall | None]]) -> None:
        self._public_url = public_url
        self._keys = keys
        self._find = find

    async def admit(self, request: Request, status: CallStatus | None = None) -> Signed:
        """Return what was signed, with this status where the address alone says where the call stands.

        Raises a Refusal, DatabaseAway, DatabaseBusy or SecretUnreadable.
        """
        pairs = await read_form(request)
        if request.state.event == UNKNOWN_EVENT:
            request.state.event = event_of(pairs)
        word = request.path_params["dial_token"]
        token = UUID(word) if _TOKEN.fullmatch(word) else None
        call = await self._find(token) if token else None
        self._check_signature(request, pairs, call)
        if call is None or token is None:
            raise _orphan(pairs)
        _check_account(pairs, call)
        known = [("CallStatus", status.value)] if status else []
        return Signed(token, call, _parsed([*pairs, *known]), pairs)

    def _check_signature(self, request: Request, pairs: Pairs, call: FoundCall | None) -> None:
        url = self._public_url + _as_sent(request)
        given = request.headers.get("x-twilio-signature")
        if not signature.is_valid(url, pairs, given, self._keys.of(call)):
            _security("bad_signature", call, signed=given is not None, **_said(pairs, call))
            raise BadSignature


def _as_sent(request: Request) -> str:
    path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    return (path + b"?" + query if query else path).decode("latin-1")


def _orphan(pairs: Pairs) -> Orphan:
    said = dict(pairs)
    metrics.ORPHAN_CALLBACKS.inc()
    # It may be the only witness of a claim whose commit the database has lost.
    log.error(
        "ORPHAN_CALLBACK",
        call_sid=said.get("CallSid"),
        account_sid=said.get("AccountSid"),
        status=said.get("CallStatus"),
        to=said.get("To", ""),
    )
    return Orphan()


def _check_account(pairs: Pairs, call: FoundCall) -> None:
    said = dict(pairs).get("AccountSid")
    if said and said != call.account_sid:
        _security("wrong_account", call, **_said(pairs, call))
        raise WrongAccount


def _said(pairs: Pairs, call: FoundCall | None) -> dict[str, object]:
    """Whose the call is and how it stands, beside what the request says; anybody may have written that."""
    said = dict(pairs)
    account = said.get("AccountSid", "")
    return {
        "account_sid": call and call.account_sid,
        "said_account_sid": account if _ACCOUNT.fullmatch(account) else None,
        "known_state": call and call.state,
        "said_sid": fields.call_sid(said.get("CallSid")),
        "said": event_of(pairs),
    }


def _parsed(pairs: Pairs) -> Callback:
    try:
        return Callback.parse(pairs)
    except UnusableCallback as error:
        raise Invalid(str(error)) from None


def _security(kind: str, call: FoundCall | None, **facts: object) -> None:
    metrics.SECURITY_EVENTS.labels(kind=kind).inc()
    ids = (
        {}
        if call is None
        else {
            "business_id": call.business_id,
            "run_id": call.run_id,
            "job_id": call.job_id,
            "call_id": call.call_id,
            "call_sid": call.call_sid,
        }
    )
    log.warning("SECURITY", kind=kind, action="refused", **ids, **facts)
