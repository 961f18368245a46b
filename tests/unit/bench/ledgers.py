"""Lines of a provider's ledger, as short as tests want them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench.record import Placed, Record
from bench.work import phone


def placed(business: int, asked: float, told: float | None = None, ended: float | None = None) -> Placed:
    """A call of a business."""
    return Placed(business, f"CA{business}-{asked}", asked, told, ended)


def call_lines(sid: str, business: int, asked: float, ended: float, told: float) -> Iterator[dict[str, Any]]:
    """A call that was asked for, ended, and was told of."""
    yield {"kind": "request", "request_id": f"RQ{sid}", "to": phone(business, 0), "mono": asked}
    yield {"kind": "call", "request_id": f"RQ{sid}", "sid": sid, "to": phone(business, 0), "mono": asked + 0.01}
    yield {"kind": "state", "sid": sid, "state": "ringing", "mono": asked + 0.02}
    yield callback(sid, "ringing", asked + 0.02)
    yield {"kind": "state", "sid": sid, "state": "completed", "mono": ended}
    yield callback(sid, "completed", told)


def callback(sid: str, status: str, mono: float, http_status: int | None = 204) -> dict[str, Any]:
    """An attempt to deliver a status callback."""
    return {"kind": "callback", "sid": sid, "call_status": status, "mono": mono, "http_status": http_status}


def record_of(*lines: Iterator[dict[str, Any]]) -> Record:
    """What these lines say."""
    return Record.of(line for part in lines for line in part)
