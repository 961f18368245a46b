"""Updates of a live call: ending it, new TwiML, another time limit.

Rules: canceled ends a queued or ringing call and leaves one in progress alone; completed ends any live call; a call
that is over answers 21220; new TwiML is for a call in progress.
"""

import time

from simulator.call import Call
from simulator.create import LONGEST_TWIML, Form
from simulator.errors import Refusal
from simulator.exchange import Exchange
from simulator.numbers import whole
from simulator.targets import RemoteTarget, guard, is_url

ENDS = ("canceled", "completed")


async def update(exchange: Exchange, call: Call, form: Form) -> None:
    """Apply an update and wait for its effect; raises Refusal."""
    wanted = _one(form, "Status")
    if wanted is not None and wanted not in ENDS:
        raise Refusal(20001, f"Status {wanted}")
    url, twiml, limit = _one(form, "Url"), _one(form, "Twiml"), _one(form, "TimeLimit")
    _check(exchange, url, twiml, limit)
    if call.over:
        _note(exchange, call, wanted, code=21220)
        raise Refusal(21220)
    if limit is not None:
        call.time_limit = int(limit)
        call.nudge()
    if url is not None or twiml is not None:
        if call.state != "in-progress":
            raise Refusal(21220)
        exchange.life.redirect(call, url, (_one(form, "Method") or "POST").upper(), twiml)
    if wanted is not None:
        await _end(exchange, call, wanted)


async def _end(exchange: Exchange, call: Call, wanted: str) -> None:
    _note(exchange, call, wanted, code=None)
    if wanted == "canceled" and call.state == "in-progress":
        return
    call.ending = "canceled" if wanted == "canceled" else "completed"
    call.nudge()
    await call.ended()


def _check(exchange: Exchange, url: str | None, twiml: str | None, limit: str | None) -> None:
    if url is not None:
        if not is_url(url):
            raise Refusal(21205, url)
        try:
            guard(url, exchange.settings.allow_remote_callbacks)
        except RemoteTarget as error:
            raise Refusal(21205, f"{url} (simulator: {error})") from error
    if len(twiml or "") > LONGEST_TWIML:
        raise Refusal(32018)
    if limit is not None and not whole(limit):
        raise Refusal(20422, f"TimeLimit {limit}")


def _note(exchange: Exchange, call: Call, wanted: str | None, *, code: int | None) -> None:
    if wanted is None:
        return
    exchange.journal.append(
        {
            "kind": "hang_up",
            "sid": call.sid,
            "requested": wanted,
            "accepted": code is None,
            "code": code,
            "at": time.time(),
            "mono": time.monotonic(),
        }
    )


def _one(form: Form, name: str) -> str | None:
    values = form.get(name)
    return (values[-1] or None) if values else None
