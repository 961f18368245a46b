"""Overview: is everybody being rung, as fast as they may be?"""

from __future__ import annotations

from deploy.grafana.board import Board, Row
from deploy.grafana.panels import Query, figure, graph
from deploy.grafana.quantiles import quantiles
from deploy.grafana.stuck import stuck_runs

NOW = Row(
    "Now",
    (
        figure(
            "Live calls",
            "Calls that hold a slot, of all businesses.",
            "short",
            Query("max by (namespace) (ringfence_calls_live{@})", "{{namespace}}"),
        ),
        figure(
            "Slots",
            "Live calls that the businesses with an active run may have at once.",
            "short",
            Query("max by (namespace) (ringfence_slots_total{@})", "{{namespace}}"),
        ),
        figure(
            "Jobs waiting",
            "Leads of active runs that have not been rung yet.",
            "short",
            Query("max by (namespace) (ringfence_jobs_queued{@})", "{{namespace}}"),
        ),
        figure(
            "Active dispatchers",
            "Processes that hold a lease. One is right; with partitions, as many as share them.",
            "short",
            Query("sum by (namespace) (ringfence_dispatcher_active{@})", "{{namespace}}"),
            bad_below=1,
        ),
        figure(
            "Oldest heartbeat",
            "Of a running run. It stays below HEARTBEAT_INTERVAL; from two minutes on somebody is woken.",
            "s",
            Query("max by (namespace) (ringfence_heartbeat_age_seconds{@})", "{{namespace}}"),
            bad_from=120,
        ),
        stuck_runs(),
    ),
    across=6,
)

DIALLING = Row(
    "Dialling",
    (
        graph(
            "Live calls against the caps",
            "Live calls stay at the slots while jobs wait; they stay below where a rate holds back.",
            "short",
            Query("max by (namespace) (ringfence_calls_live{@})", "live {{namespace}}"),
            Query("max by (namespace) (ringfence_slots_total{@})", "slots {{namespace}}"),
        ),
        graph(
            "Dial rate",
            "Create requests sent, and calls ended, per second.",
            "cps",
            Query("sum(rate(ringfence_calls_started_total{@}[$__rate_interval]))", "started"),
            Query("sum(rate(ringfence_calls_ended_total{@}[$__rate_interval]))", "ended"),
        ),
        graph(
            "Outcomes",
            "Calls ended per second, by what became of them.",
            "cps",
            Query("sum by (outcome) (rate(ringfence_calls_ended_total{@}[$__rate_interval]))", "{{outcome}}"),
            stacked=True,
        ),
        quantiles(
            "Slot turnaround",
            "From a slot freed to the next create of that business, while jobs wait and nothing holds them back. "
            "99% within 1 s is the objective.",
            "slot_turnaround_seconds",
            limit=1,
        ),
        graph(
            "Runs under way",
            "Runs that are pending (nothing claimed yet) or running.",
            "short",
            Query('max by (status) (ringfence_runs{@, status=~"pending|running"})', "{{status}}"),
        ),
        graph(
            "Queue",
            "Jobs that wait to be dialled. It falls at the dial rate.",
            "short",
            Query("max by (namespace) (ringfence_jobs_queued{@})", "queued {{namespace}}"),
        ),
    ),
)

ENDED = Row(
    "What has ended",
    (
        graph(
            "Runs that are over",
            "All runs by how they ended. `failed` and `stopped` deserve a look at end_reason.",
            "short",
            Query('max by (status) (ringfence_runs{@, status!~"pending|running"})', "{{status}}"),
        ),
        graph(
            "Reached in the last hour",
            "Share of the calls ended in the last hour that were answered, by a person or a machine.",
            "percentunit",
            Query(
                'sum(increase(ringfence_calls_ended_total{@, outcome=~"answered|machine"}[1h]))'
                " / sum(increase(ringfence_calls_ended_total{@}[1h]))",
                "answered",
            ),
        ),
    ),
    across=2,
)

BOARD = Board(
    "overview",
    "Overview",
    "Live calls against caps, dial rate, outcomes, slot turnaround, runs and the queue.",
    (NOW, DIALLING, ENDED),
)
