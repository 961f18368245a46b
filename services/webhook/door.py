"""Lets in what the provider signed, and nothing else.

Rules: the URL that was signed is the configured public one with path and query as they were sent, whatever any header
says; the signature is checked before anything else is told, so that a stranger cannot learn which tokens exist.

A status callback needs no search for its token: it says which account it is of, and a signature with a key of that
account vouches for it. That the call is this account's, and that the key still is, the record checks where the call
is held; what it does not find so is asked about as if nothing had been vouched for.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from uuid import UUID

from pydantic import SecretStr

from services.webhook.form import Pairs, read_form
from services.webhook.incoming import UNKNOWN_EVENT, Incoming
from services.webhook.keys import SigningKeys, Vouched
from services.webhook.refusals import BadSignature, Invalid, Orphan, WrongAccount
from shared import metrics
from shared.logs import logger
from shared.queries.callbacks import FoundCall
from shared.telephony import fields, signature
from shared.telephony.callback import Callback, CallStatus, UnusableCallback, status_of

_TOKEN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SIGNATURE = b"x-twilio-signature"
_ACCOUNT = re.compile(r"AC[0-9A-Za-z]{1,62}")

log = logger()


@dataclass(frozen=True)
class Signed:
    """A request that the provider signed. `vouched` names what the signature proves, None where the call is known."""

    token: UUID = field(repr=False)
    callback: Callback
    pairs: Pairs = field(repr=False)
    vouched: Vouched | None = None


@dataclass(frozen=True)
class Asked(Signed):
    """A request that the provider signed, about a call of ours that was searched for."""

    call: FoundCall = field(kw_only=True)


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

    async def read(self, incoming: Incoming) -> Pairs:
        """Return the fields of a request, and note them and what it is counted under. Raises a Refusal."""
        pairs = incoming.pairs = await read_form(incoming)
        if incoming.event == UNKNOWN_EVENT:
            incoming.event = event_of(pairs)
        return pairs

    def vouched(self, incoming: Incoming, pairs: Pairs) -> Signed | None:
        """Return what an account's signature vouches for; None where the call itself must be asked.

        Raises SecretUnreadable.
        """
        token, vouched = _token(incoming), self._keys.vouched(dict(pairs).get("AccountSid"))
        if token is None or vouched is None or not self._signed(incoming, pairs, vouched.keys):
            return None
        try:
            return Signed(token, Callback.parse(pairs), pairs, vouched)
        except UnusableCallback:  # whether there is such a call is told first
            return None

    async def admit(self, incoming: Incoming, pairs: Pairs, status: CallStatus | None = None) -> Asked:
        """Return what was signed, with this status where the address alone says where the call stands.

        Raises a Refusal, DatabaseAway, DatabaseBusy or SecretUnreadable.
        """
        token = _token(incoming)
        call = await self._find(token) if token else None
        if not self._signed(incoming, pairs, self._keys.of(call)):
            given = incoming.header(SIGNATURE) is not None
            _security("bad_signature", call, signed=given, **_said(pairs, call))
            raise BadSignature
        if call is None or token is None:
            raise _orphan(pairs)
        _check_account(pairs, call)
        self._keys.note(call)
        known = [("CallStatus", status.value)] if status else []
        return Asked(token, _parsed([*pairs, *known]), pairs, call=call)

    def _signed(self, incoming: Incoming, pairs: Pairs, keys: Iterable[SecretStr]) -> bool:
        url = self._public_url + incoming.address
        return signature.is_valid(url, pairs, incoming.header(SIGNATURE), keys)


def _token(incoming: Incoming) -> UUID | None:
    return UUID(incoming.word) if _TOKEN.fullmatch(incoming.word) else None


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
