"""Status callbacks: which are sent, when, how often, and how wrong.

Rules: a call's events are numbered whether subscribed or not; each event is its own request and overtakes another
freely; only a rule drops, holds, doubles or spoils one.
"""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

from simulator import fields, ids
from simulator.call import Call
from simulator.courier import Courier, Fields, Parcel
from simulator.delays import Delays
from simulator.journal import Journal
from simulator.modes import EVENTS

Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


@dataclass(frozen=True, slots=True)
class Notice:
    """An event of a call as it was when it happened."""

    event: str
    status: str
    sequence: int | None
    fields: Fields


class Callbacks:
    """Sends the events of calls to their StatusCallback."""

    def __init__(self, courier: Courier, journal: Journal, spawn: Spawn, rng: random.Random) -> None:
        self._courier = courier
        self._journal = journal
        self._spawn = spawn
        self._rng = rng
        self.delays = Delays()

    def notify(self, call: Call, event: str, status: str) -> None:
        """Tell of an event, if the call's creator asked to be told."""
        if call.create.status_callback is not None and event in call.create.events:
            self._dispatch(call, event, status)
        if event == "completed" and call.held:
            self._release(call)

    def _dispatch(self, call: Call, event: str, status: str) -> None:
        sequence = len(call.entry.states) - 2
        notice = Notice(event, status, sequence, fields.progress(call, status, sequence, time.time()))
        if _applies(call, "callback_lost", event):
            self._record_lost(call, notice)
        elif call.mode("callback_reorder") is not None:
            call.held.append(notice)
        else:
            self._spawn(self._send(call, notice))

    def detected(self, call: Call) -> None:
        """Tell the verdict of an asynchronous machine detection."""
        if call.create.amd_callback is None:
            return
        given = [
            ("CallSid", call.sid),
            ("AccountSid", call.account.sid),
            ("AnsweredBy", call.entry.answered_by or "unknown"),
            ("MachineDetectionDuration", str(round(call.plan.detection * 1000))),
        ]
        self._spawn(self._send(call, Notice("amd", call.state, None, given)))

    def _record_lost(self, call: Call, notice: Notice) -> None:
        url = call.create.status_callback or ""
        self._journal.append(_line(call, notice, 0, url, time.time(), time.monotonic(), error="lost"))
        self._delivered(call, notice)

    def _release(self, call: Call) -> None:
        order = (call.mode("callback_reorder") or {}).get("order")
        held = self._shuffled(call.held) if order is None else _ordered(call.held, order)
        call.held = []
        self._spawn(self._send_all(call, held))

    def _shuffled(self, notices: list[Notice]) -> list[Notice]:
        """Another order than that in which they happened, where there is one."""
        shuffled = list(notices)
        while len(notices) > 1 and shuffled == notices:
            self._rng.shuffle(shuffled)
        return shuffled

    async def _send_all(self, call: Call, notices: list[Notice]) -> None:
        for notice in notices:
            await self._send(call, notice)

    async def _send(self, call: Call, notice: Notice) -> None:
        delay = _applies(call, "callback_delay", notice.event)
        if delay:
            await self.delays.wait(float(delay.get("seconds", 5.0)))
        twice = _applies(call, "callback_duplicate", notice.event)
        for parcel in self._parcels(call, notice):
            sends = [self._deliver(call, notice, parcel)]
            if twice is not None:
                token = ids.dashed() if twice.get("new_token") else parcel.idempotency_token
                sends.append(self._deliver(call, notice, replace(parcel, idempotency_token=token)))
            if twice is not None and twice.get("concurrent"):
                await asyncio.gather(*sends)
            else:
                for send in sends:
                    await send
        self._delivered(call, notice)

    def _parcels(self, call: Call, notice: Notice) -> list[Parcel]:
        create = call.create
        url, method = create.status_callback, create.status_callback_method
        if notice.event == "amd":
            url, method = create.amd_callback, create.amd_callback_method
        good = Parcel(url or "", method, notice.fields, call.account.primary_token, ids.dashed())
        bad, extra = _spoil(call, notice, good)
        return [bad, good] if extra else [bad]

    async def _deliver(self, call: Call, notice: Notice, parcel: Parcel) -> None:
        async for reply in self._courier.send(parcel):
            line = _line(call, notice, reply.attempt, reply.url, reply.at, reply.mono, error=reply.error)
            line |= {
                "seconds": reply.seconds,
                "http_status": reply.http_status,
                "idempotency_token": parcel.idempotency_token,
            }
            self._journal.append(line)

    def _delivered(self, call: Call, notice: Notice) -> None:
        wanted = call.mode("callback_first")
        if wanted is None or call.first_delivery is None or notice.event not in EVENTS:
            return
        if EVENTS.index(notice.event) >= EVENTS.index(wanted.get("event", "initiated")):
            call.first_delivery.set()


def _applies(call: Call, mode: str, event: str) -> dict[str, Any] | None:
    """The parameters of a mode that this event is under; a mode without `events` means all."""
    params = call.mode(mode)
    if params is None or event not in (params.get("events") or (event,)):
        return None
    return {"mode": mode, **params}


def _spoil(call: Call, notice: Notice, parcel: Parcel) -> tuple[Parcel, bool]:
    """The parcel as the call's rules want it, and whether the right one is sent as well."""
    extra = False
    if not call.entry.behaviour:
        return parcel, extra
    if found := _applies(call, "callback_bad_signature", notice.event):
        parcel, extra = replace(parcel, bad_signature=True), bool(found.get("extra"))
    if _applies(call, "callback_old_token", notice.event):
        parcel = replace(parcel, token=_old_token(call))
    if found := _applies(call, "callback_unknown_fields", notice.event):
        added = found.get("fields") or {"SimulatedNewField": "1", "SimulatedEmptyField": ""}
        parcel = replace(parcel, fields=[*parcel.fields, *added.items()])
    if found := _applies(call, "callback_wrong_account", notice.event):
        account = str(found.get("account") or "AC" + ids.hexadecimal())
        swapped = [(name, account if name == "AccountSid" else value) for name, value in parcel.fields]
        parcel, extra = replace(parcel, fields=swapped), extra or bool(found.get("extra"))
    if found := _applies(call, "slow_callback_client", notice.event):
        parcel = replace(parcel, slow_seconds=float(found.get("seconds", 2.0)))
    return parcel, extra


def _old_token(call: Call) -> str:
    tokens = call.account.settings.auth_tokens
    return tokens[1] if len(tokens) > 1 else "revoked-" + tokens[0]


def _ordered(notices: list[Notice], order: list[str]) -> list[Notice]:
    """By a given order of events; those that it does not name come last, as they happened."""
    ranks = {event: rank for rank, event in enumerate(order)}
    return sorted(notices, key=lambda notice: ranks.get(notice.event, len(ranks)))


def _line(
    call: Call, notice: Notice, attempt: int, url: str, at: float, mono: float, *, error: str | None
) -> dict[str, Any]:
    return {
        "kind": "callback",
        "sid": call.sid,
        "event": notice.event,
        "call_status": notice.status,
        "sequence": notice.sequence,
        "attempt": attempt,
        "url": url,
        "at": at,
        "mono": mono,
        "seconds": 0.0,
        "http_status": None,
        "error": error,
        "idempotency_token": "",
    }
