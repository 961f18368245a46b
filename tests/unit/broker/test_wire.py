"""What a message body may be, and what becomes of it otherwise."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.events import Event, RunCreated, RunStale, SlotReleased
from shared.wire import read_event, write_event

KINDS: dict[str, type[Event]] = {kind.routing_key: kind for kind in (RunCreated, SlotReleased, RunStale)}

EVENTS = [
    RunCreated(business_id=1, run_id=2**63 - 1),
    SlotReleased(business_id=1, run_id=2, job_id=3),
    SlotReleased(business_id=1, run_id=2, job_id=3, call_sid="CA1", outcome="no_answer"),
    RunStale(business_id=1, run_id=2),
    RunStale(business_id=1, run_id=2, last_heartbeat_at=datetime(2026, 1, 2, 3, 4, 5, 6, UTC), corrected=True),
]


@pytest.mark.parametrize("event", EVENTS, ids=repr)
def test_an_event_that_was_written_is_read_back_the_same(event: Event) -> None:
    assert read_event(KINDS, event.routing_key, write_event(event)) == event


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"secret", "body: json_invalid"),
        (b'{"business_id": 1}', "run_id: missing"),
        (b'{"business_id": "secret", "run_id": 2}', "business_id: int_type"),
        (b'{"business_id": 9223372036854775808, "run_id": 2}', "business_id: less_than_equal"),
        (b'{"business_id": -1, "run_id": 0}', "business_id: greater_than, run_id: greater_than"),
    ],
)
def test_a_body_that_cannot_be_read_is_told_by_field_and_fault_and_never_quoted(body: bytes, fault: str) -> None:
    with pytest.raises(ValueError) as raised:
        read_event(KINDS, "run.created", body)
    assert str(raised.value) == fault


@pytest.mark.parametrize("key", ["", None, "run.createD", "run.created.more", "dispatcher"])
def test_a_routing_key_that_is_not_ours_is_told(key: str | None) -> None:
    with pytest.raises(ValueError, match=r"^unknown routing key$"):
        read_event(KINDS, key, write_event(EVENTS[0]))
