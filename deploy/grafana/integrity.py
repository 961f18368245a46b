"""Reaper and integrity: what is not certain, what was mended, and whether the promise held."""

from __future__ import annotations

from deploy.grafana.board import Board, Row
from deploy.grafana.panels import Query, figure, graph
from deploy.grafana.stuck import stuck_runs

PROMISE = Row(
    "The promise",
    (
        figure(
            "Second calls",
            "Second sids for one token and superseded calls that rang, in the last day. Anything but 0 wakes somebody.",
            "short",
            Query("sum(increase(ringfence_duplicate_calls_detected_total{@}[1d]))", "second calls"),
            bad_from=1,
        ),
        figure(
            "Uncertain calls",
            "Calls whose fate is not known yet. Each holds its slot.",
            "short",
            Query("max by (namespace) (ringfence_calls_uncertain{@})", "{{namespace}}"),
        ),
        figure(
            "Oldest uncertain",
            "Ordinarily below ABSENT_AFTER and half a minute.",
            "s",
            Query("max by (namespace) (ringfence_uncertain_age_seconds{@})", "{{namespace}}"),
            bad_from=180,
        ),
        figure(
            "Oldest live call",
            "Past its longest life a call's slot is freed whatever the provider says.",
            "s",
            Query("max by (namespace) (ringfence_live_call_age_seconds{@})", "{{namespace}}"),
        ),
        stuck_runs(),
    ),
    across=5,
)

UNCERTAIN = Row(
    "Uncertain and settled",
    (
        graph(
            "Uncertain calls",
            "They come with answers that do not, and go with callbacks or two lists that do not show them.",
            "short",
            Query("max by (namespace) (ringfence_calls_uncertain{@})", "uncertain {{namespace}}"),
        ),
        graph(
            "Age of the oldest",
            "The alert fires where it crosses three times ABSENT_AFTER.",
            "s",
            Query("max by (namespace) (ringfence_uncertain_age_seconds{@})", "oldest uncertain {{namespace}}"),
            Query("3 * max by (namespace) (ringfence_absent_after_seconds{@})", "limit {{namespace}}"),
        ),
        graph(
            "Settled",
            "Uncertain or silent calls settled per second, by what settled them.",
            "cps",
            Query("sum by (how) (rate(ringfence_calls_settled_total{@}[$__rate_interval]))", "{{how}}"),
            stacked=True,
        ),
    ),
)

RUNS = Row(
    "Runs",
    (
        graph(
            "Stuck runs",
            "`stale`: no beat for STALE_AFTER; `locked_no_heartbeat`: a lock that never beat; "
            "`no_progress`: could dial and does not.",
            "short",
            Query("max by (kind) (ringfence_runs_stuck{@})", "{{kind}}"),
        ),
        graph(
            "Oldest heartbeat",
            "Of a running run; the line is where somebody is woken.",
            "s",
            Query("max by (namespace) (ringfence_heartbeat_age_seconds{@})", "oldest {{namespace}}"),
            limit=120,
        ),
        graph(
            "Nudged and corrected",
            "Quiet runs that were nudged, and stale ones that were corrected, per second.",
            "cps",
            Query("sum by (action) (rate(ringfence_stale_runs_total{@}[$__rate_interval]))", "{{action}}"),
        ),
    ),
)

DOUBLES = Row(
    "Doubles and contradictions",
    (
        graph(
            "Doubles prevented",
            "Dials that met work already done and were not made, per second.",
            "cps",
            Query("sum by (how) (rate(ringfence_duplicate_dials_prevented_total{@}[$__rate_interval]))", "{{how}}"),
        ),
        graph(
            "Second calls and orphans",
            "Should be a line at zero: somebody rung twice, or a commit that the database lost.",
            "short",
            Query("sum(increase(ringfence_duplicate_calls_detected_total{@}[1h]))", "second calls"),
            Query("sum(increase(ringfence_orphan_callbacks_total{@}[1h]))", "orphans"),
            limit=1,
        ),
        graph(
            "The provider contradicts itself",
            "Words of the provider that cannot be true beside what it said before, per second.",
            "cps",
            Query("sum by (kind) (rate(ringfence_provider_contradictions_total{@}[$__rate_interval]))", "{{kind}}"),
        ),
    ),
)

BOARD = Board(
    "integrity",
    "Reaper and integrity",
    "Uncertain and settled calls, stale runs, doubles that were prevented or detected.",
    (PROMISE, UNCERTAIN, RUNS, DOUBLES),
)
