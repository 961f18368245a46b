"""Dispatcher: who dials, how long the steps take, and what the provider answers."""

from __future__ import annotations

from deploy.grafana.board import Board, Row
from deploy.grafana.panels import Query, figure, graph
from deploy.grafana.process import processes
from deploy.grafana.quantiles import quantiles

NOT_TAKEN = "account_blocked|account_full|throttled|ambiguous|not_sent"

LEASE = Row(
    "Lease",
    (
        figure(
            "Active dispatchers",
            "One holds the lease, the others stand by; with partitions they share them.",
            "short",
            Query("sum by (namespace) (ringfence_dispatcher_active{@})", "{{namespace}}"),
            bad_below=1,
        ),
        figure(
            "Partitions that nobody holds",
            "Of DISPATCH_PARTITIONS. Above 0 only for moments, while a dispatcher takes over.",
            "short",
            Query(
                "max by (namespace) (ringfence_dispatch_partitions{@})"
                " - sum by (namespace) (ringfence_dispatcher_partitions{@})",
                "{{namespace}}",
            ),
            bad_from=1,
        ),
        figure(
            "Epoch",
            "Counts how often leases changed hands.",
            "short",
            Query("max by (namespace) (ringfence_dispatcher_epoch{@})", "{{namespace}}"),
        ),
        figure(
            "Not taken",
            "Share of creates that the provider did not take, over ten minutes.",
            "percentunit",
            Query(
                f'sum(rate(ringfence_create_results_total{{@, class=~"{NOT_TAKEN}"}}[10m]))'
                " / sum(rate(ringfence_create_results_total{@}[10m]))",
                "not taken",
            ),
            bad_from=0.5,
        ),
        figure(
            "Not sent in time",
            "Claimed calls in the last hour that missed their deadline and were therefore never sent.",
            "short",
            Query('sum(increase(ringfence_duplicate_dials_prevented_total{@, how="deadline"}[1h]))', "deadline"),
            bad_from=1,
        ),
    ),
    across=5,
)

STEPS = Row(
    "From slot to wire",
    (
        graph(
            "Who holds the lease",
            "Partitions of each process that dials: 1 where there is but one. A gap is a takeover.",
            "short",
            Query("max by (instance) (ringfence_dispatcher_partitions{@})", "{{instance}}"),
        ),
        quantiles(
            "Claim time", "One claim, from statement to commit. Locks and a slow disk show here.", "claim_seconds"
        ),
        quantiles(
            "Create answer", "From sending a create to its answer: the provider, and the way to it.", "dial_seconds"
        ),
        quantiles(
            "Slot turnaround",
            "The whole way, from a slot freed to the next create of that business.",
            "slot_turnaround_seconds",
            limit=1,
        ),
        graph(
            "Slots used late",
            "Share of freed slots that waited longer than 1 s. The objective allows 1% over 30 days.",
            "percentunit",
            Query(
                '1 - sum(rate(ringfence_slot_turnaround_seconds_bucket{@, le="1.0"}[$__rate_interval]))'
                " / sum(rate(ringfence_slot_turnaround_seconds_count{@}[$__rate_interval]))",
                "late",
            ),
            limit=0.01,
        ),
        graph(
            "Claimed and sent",
            "Jobs claimed and creates sent per second. They part where claims miss their deadline.",
            "cps",
            Query("sum(rate(ringfence_claimed_jobs_total{@}[$__rate_interval]))", "claimed"),
            Query("sum(rate(ringfence_calls_started_total{@}[$__rate_interval]))", "sent"),
        ),
    ),
)

PROVIDER = Row(
    "Twilio",
    (
        graph(
            "Answers to creates",
            "By class: accepted, refused for good (number_rejected, run_refused), for now (throttled, account_full, "
            "account_blocked), or unknown (ambiguous).",
            "cps",
            Query("sum by (class) (rate(ringfence_create_results_total{@}[$__rate_interval]))", "{{class}}"),
            stacked=True,
        ),
        graph(
            "Refusals and silence",
            "The same without what was accepted: 429s, full and blocked accounts, answers that did not come.",
            "cps",
            Query(
                'sum by (class) (rate(ringfence_create_results_total{@, class!="accepted"}[$__rate_interval]))',
                "{{class}}",
            ),
        ),
        graph(
            "Doubles prevented",
            "Dials that met work already done and were not made. `fence` and `deadline` are warnings.",
            "cps",
            Query("sum by (how) (rate(ringfence_duplicate_dials_prevented_total{@}[$__rate_interval]))", "{{how}}"),
        ),
    ),
)

BOARD = Board(
    "dispatcher",
    "Dispatcher",
    "Lease and epoch, claim and dial times, what the provider answers.",
    (LEASE, STEPS, PROVIDER, processes()),
)
