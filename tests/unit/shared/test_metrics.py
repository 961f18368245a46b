"""Metrics: the documented names exist as Prometheus sees them, and say nothing about anybody."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from prometheus_client import Counter, Gauge, Histogram

from shared import metrics

EVERYWHERE = {
    "calls_started_total": [],
    "calls_ended_total": ["outcome"],
    "orphan_callbacks_total": [],
    "calls_settled_total": ["how"],
    "create_results_total": ["class"],
    "duplicate_dials_prevented_total": ["how"],
    "duplicate_calls_detected_total": [],
    "provider_contradictions_total": ["kind"],
    "dial_seconds": [],
    "slot_turnaround_seconds": [],
    "claim_seconds": [],
    "claimed_jobs_total": [],
    "stale_runs_total": ["action"],
    "webhooks_total": ["event", "result"],
    "webhook_seconds": [],
    "dead_letters_total": [],
    "dependency_up": ["name"],
    "security_events_total": ["kind"],
    "loop_errors_total": ["loop"],
}
OF_THE_DATABASE = {
    "calls_live": [],
    "slots_total": [],
    "calls_uncertain": [],
    "uncertain_age_seconds": [],
    "live_call_age_seconds": [],
    "runs": ["status"],
    "runs_stuck": ["kind"],
    "jobs_queued": [],
    "heartbeat_age_seconds": [],
    "absent_after_seconds": [],
}
OF_THE_DISPATCHER: dict[str, list[str]] = {
    "dispatcher_active": [],
    "dispatcher_epoch": [],
    "dispatcher_partitions": [],
    "dispatch_partitions": [],
}


def exported(prepare: str) -> str:
    """What a fresh process exports after a preparation."""
    code = f"from shared import metrics as m; {prepare}; print(m.render()[0].decode())"
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def names(text: str) -> set[str]:
    return {name.removeprefix("ringfence_") for name in re.findall(r"^# TYPE (ringfence_\w+)", text, re.MULTILINE)}


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        ("None", EVERYWHERE),
        ("m.export_database_gauges(); m.export_database_gauges()", EVERYWHERE | OF_THE_DATABASE),
        ("m.export_dispatcher_gauges(); m.export_dispatcher_gauges()", EVERYWHERE | OF_THE_DISPATCHER),
    ],
    ids=["webhook", "api and reaper", "dispatcher"],
)
def test_each_process_exports_exactly_its_documented_names(prepare: str, expected: dict[str, list[str]]) -> None:
    assert names(exported(prepare)) == set(expected)


def test_labels_are_the_documented_ones() -> None:
    known = {
        value._name + ("_total" if value._type == "counter" else ""): list(value._labelnames)
        for value in vars(metrics).values()
        if isinstance(value, (Counter, Gauge, Histogram))
    }
    assert known == {
        f"ringfence_{name}": labels for name, labels in (EVERYWHERE | OF_THE_DATABASE | OF_THE_DISPATCHER).items()
    }


def test_series_of_closed_labels_stand_at_zero_from_the_start() -> None:
    text = exported("m.export_database_gauges()")
    for series in (
        'calls_ended_total{outcome="no_answer"}',
        'calls_ended_total{outcome="duplicate"}',
        'duplicate_dials_prevented_total{how="fence"}',
        'stale_runs_total{action="corrected"}',
        'runs{status="running"}',
        'runs_stuck{kind="no_progress"}',
        "duplicate_calls_detected_total",
        "calls_started_total",
        'create_results_total{class="account_blocked"}',
        'security_events_total{kind="bad_signature"}',
        'calls_settled_total{how="absent"}',
        "dead_letters_total",
        "orphan_callbacks_total",
    ):
        assert f"ringfence_{series} 0.0\n" in text
    assert 'outcome="not_dialed"' not in text


def test_turnaround_is_told_apart_from_a_millisecond_to_a_minute() -> None:
    bounds = re.findall(r'slot_turnaround_seconds_bucket{le="([\d.]+)"}', metrics.render()[0].decode())
    assert (float(bounds[0]), float(bounds[-1])) == (0.001, 60.0)


def test_callbacks_that_are_refused_are_counted_from_zero() -> None:
    text = exported("from services.webhook.routes import expect_unrecorded; expect_unrecorded()")
    for event, result in (("completed", "bad_signature"), ("voice", "orphan"), ("unknown", "failed")):
        assert f'ringfence_webhooks_total{{event="{event}",result="{result}"}} 0.0\n' in text
