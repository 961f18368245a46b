"""Every metric of Ringfence, under the names that dashboards and alerts rely on.

Rules: no label carries a business, a phone or a run; series of a closed set of labels exist from the start, at 0, so
that a rate over them is right from the first event; gauges that describe the database or the dispatcher exist only in
the processes that read them (`export_database_gauges`, `export_dispatcher_gauges`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import prometheus_client
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from shared.domain import DUPLICATE, Outcome, RunStatus
from shared.telephony.answers import AnswerClass

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

CALL_OUTCOMES = (*(outcome.value for outcome in Outcome if outcome is not Outcome.NOT_DIALED), DUPLICATE)
RUN_STATUSES = tuple(status.value for status in RunStatus)
STUCK_KINDS = ("stale", "locked_no_heartbeat", "no_progress")
PREVENTED_BY = ("redelivery", "claim_conflict", "fence", "deadline")
STALE_ACTIONS = ("nudged", "corrected")
CONTRADICTIONS = (
    "second_sid",
    "surfaced",
    "foreign_sid",
    "other_end",
    "live_after_end",
    "listed_late",
    "unknown_sid",
    "repeated_rows",
    "several",
)
ANSWER_CLASSES = tuple(klass.value for klass in AnswerClass)
SETTLED_BY = ("callback", "answer", "fetch", "list", "absent", "expired", "hand")
SECURITY_KINDS = ("bad_signature", "wrong_account", "foreign_business", "foreign_run")

_REQUEST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30)
_TURNAROUND = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60)
_STATEMENT = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


def _counter(name: str, text: str, labels: Sequence[str] = ()) -> Counter:
    return Counter(f"ringfence_{name}", text, labels, registry=REGISTRY)


def _histogram(name: str, text: str, buckets: Sequence[float]) -> Histogram:
    return Histogram(f"ringfence_{name}", text, buckets=buckets, registry=REGISTRY)


def _gauge(name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
    return Gauge(f"ringfence_{name}", text, labels, registry=None)


def _prepare(metric: Counter | Gauge, values: Sequence[str]) -> None:
    for value in values:
        metric.labels(value)


CALLS_STARTED = _counter("calls_started", "Create requests sent")
CALLS_ENDED = _counter("calls_ended", "Calls ended, by outcome", ["outcome"])
CALLS_SETTLED = _counter("calls_settled", "Uncertain or silent calls settled, by what settled them", ["how"])
CREATE_RESULTS = _counter("create_results", "Answers to create requests, by class", ["class"])
CLAIMED_JOBS = _counter("claimed_jobs", "Jobs claimed for dialling")
ORPHAN_CALLBACKS = _counter("orphan_callbacks", "Signed callbacks with a token that no call has")
DUPLICATE_DIALS_PREVENTED = _counter(
    "duplicate_dials_prevented", "Dials that met work already done and were not made, by what stopped them", ["how"]
)
DUPLICATE_CALLS_DETECTED = _counter(
    "duplicate_calls_detected", "Second call sids for one token, and superseded calls that rang"
)
PROVIDER_CONTRADICTIONS = _counter(
    "provider_contradictions", "Words of the provider that cannot be true beside what it said before, by kind", ["kind"]
)
STALE_RUNS = _counter("stale_runs", "Quiet runs acted upon, by action", ["action"])
WEBHOOKS = _counter("webhooks", "Callbacks received, by event and result", ["event", "result"])
DEAD_LETTERS = _counter("dead_letters", "Messages that could not be read and went to the dead-letter queue")
SECURITY_EVENTS = _counter("security_events", "Attempts to cross a boundary, by kind", ["kind"])
LOOP_ERRORS = _counter("loop_errors", "Failures of our own background work, by loop", ["loop"])

DIAL_SECONDS = _histogram("dial_seconds", "From sending a create request to its answer", _REQUEST)
SLOT_TURNAROUND = _histogram(
    "slot_turnaround_seconds",
    "From a slot freed to the next create request of that business sent, while jobs wait and nothing holds them back",
    _TURNAROUND,
)
CLAIM_SECONDS = _histogram("claim_seconds", "One claim, from statement to commit", _STATEMENT)
WEBHOOK_SECONDS = _histogram("webhook_seconds", "From a callback received to its answer", _REQUEST)

DEPENDENCY_UP = Gauge("ringfence_dependency_up", "1 when the named server can be used", ["name"], registry=REGISTRY)

CALLS_LIVE = _gauge("calls_live", "Calls that hold a slot")
SLOTS_TOTAL = _gauge("slots_total", "Slots of the businesses that have a pending or running run")
CALLS_UNCERTAIN = _gauge("calls_uncertain", "Calls whose fate is not known yet")
UNCERTAIN_AGE = _gauge("uncertain_age_seconds", "Age of the oldest uncertain call")
LIVE_CALL_AGE = _gauge("live_call_age_seconds", "Age of the oldest live call")
RUNS = _gauge("runs", "Runs, by status", ["status"])
RUNS_STUCK = _gauge("runs_stuck", "Runs that do not move, by kind", ["kind"])
JOBS_QUEUED = _gauge("jobs_queued", "Jobs waiting to be dialled")
HEARTBEAT_AGE = _gauge("heartbeat_age_seconds", "Age of the oldest heartbeat of a running run")
ABSENT_AFTER = _gauge(
    "absent_after_seconds", "The setting ABSENT_AFTER, which the age of uncertain calls is held against"
)
DATABASE_GAUGES = (
    CALLS_LIVE,
    SLOTS_TOTAL,
    CALLS_UNCERTAIN,
    UNCERTAIN_AGE,
    LIVE_CALL_AGE,
    RUNS,
    RUNS_STUCK,
    JOBS_QUEUED,
    HEARTBEAT_AGE,
    ABSENT_AFTER,
)

DISPATCHER_ACTIVE = _gauge("dispatcher_active", "1 while this process holds the lease, that of a partition at least")
DISPATCHER_EPOCH = _gauge("dispatcher_epoch", "Highest epoch of the leases this process holds, or held last")
DISPATCHER_PARTITIONS = _gauge("dispatcher_partitions", "Partitions whose lease this process holds")
DISPATCH_PARTITIONS = _gauge(
    "dispatch_partitions", "The setting DISPATCH_PARTITIONS: partitions to be held by somebody"
)
DISPATCHER_GAUGES = (DISPATCHER_ACTIVE, DISPATCHER_EPOCH, DISPATCHER_PARTITIONS, DISPATCH_PARTITIONS)

_exported: set[Gauge] = set()

_prepare(CALLS_ENDED, CALL_OUTCOMES)
_prepare(DUPLICATE_DIALS_PREVENTED, PREVENTED_BY)
_prepare(STALE_RUNS, STALE_ACTIONS)
_prepare(PROVIDER_CONTRADICTIONS, CONTRADICTIONS)
_prepare(CREATE_RESULTS, ANSWER_CLASSES)
_prepare(CALLS_SETTLED, SETTLED_BY)
_prepare(SECURITY_EVENTS, SECURITY_KINDS)
_prepare(RUNS, RUN_STATUSES)
_prepare(RUNS_STUCK, STUCK_KINDS)


def export_database_gauges() -> None:
    """Show the gauges that describe the database: api and reaper call this at start, nobody else."""
    _export(DATABASE_GAUGES)


def export_dispatcher_gauges() -> None:
    """Show the lease's gauges: the dispatcher calls this at start."""
    _export(DISPATCHER_GAUGES)


def _export(gauges: Sequence[Gauge]) -> None:
    for gauge in gauges:
        if gauge not in _exported:
            REGISTRY.register(gauge)
            _exported.add(gauge)


def expect_webhooks(events: Iterable[str], results: Sequence[str]) -> None:
    """Start the series of these callbacks at 0: the webhook service calls this at start."""
    for event in events:
        for result in results:
            WEBHOOKS.labels(event=event, result=result)


def render() -> tuple[bytes, str]:
    """Return this process's metrics and their content type, in Prometheus's text form."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
