"""Webhooks: do callbacks arrive, are they believed, and how fast are they recorded?"""

from __future__ import annotations

from deploy.grafana.board import Board, Row
from deploy.grafana.panels import Query, figure, graph
from deploy.grafana.quantiles import quantiles

REFUSED = "bad_signature|wrong_account|not_a_form|too_large|too_slow|invalid"

NOW = Row(
    "Now",
    (
        figure(
            "Callbacks",
            "Requests per second to the webhook service.",
            "cps",
            Query("sum(rate(ringfence_webhooks_total{@}[$__rate_interval]))", "callbacks"),
        ),
        figure(
            "Refused",
            "Share of callbacks refused at the door, over ten minutes.",
            "percentunit",
            Query(
                f'sum(rate(ringfence_webhooks_total{{@, result=~"{REFUSED}"}}[10m]))'
                " / sum(rate(ringfence_webhooks_total{@}[10m]))",
                "refused",
            ),
            bad_from=0.05,
        ),
        figure(
            "Not recorded",
            "Share of callbacks answered 503 or 500, over five minutes.",
            "percentunit",
            Query(
                'sum(rate(ringfence_webhooks_total{@, result=~"unavailable|failed"}[5m]))'
                " / sum(rate(ringfence_webhooks_total{@}[5m]))",
                "not recorded",
            ),
            bad_from=0.05,
        ),
        figure(
            "Orphans",
            "Signed callbacks in the last day for calls that the database does not know.",
            "short",
            Query("sum(increase(ringfence_orphan_callbacks_total{@}[1d]))", "orphans"),
            bad_from=1,
        ),
        figure(
            "Dead letters",
            "Messages in the last day that could not be read.",
            "short",
            Query("sum(increase(ringfence_dead_letters_total{@}[1d]))", "dead letters"),
            bad_from=1,
        ),
    ),
    across=5,
)

FLOW = Row(
    "Callbacks",
    (
        graph(
            "By event",
            "What the provider tells. `voice` is the request for a run's TwiML, at the answer.",
            "cps",
            Query("sum by (event) (rate(ringfence_webhooks_total{@}[$__rate_interval]))", "{{event}}"),
            stacked=True,
        ),
        graph(
            "By result",
            "What became of them. `recorded` and `answered` are the good ones; `repeat` and `late` are harmless.",
            "cps",
            Query("sum by (result) (rate(ringfence_webhooks_total{@}[$__rate_interval]))", "{{result}}"),
            stacked=True,
        ),
        quantiles(
            "Callback answer",
            "From a callback received to its answer, the record in the database included.",
            "webhook_seconds",
        ),
        graph(
            "Refused and not recorded",
            "Callbacks per second that were refused, and those let in that could not be recorded.",
            "cps",
            Query(
                f'sum by (result) (rate(ringfence_webhooks_total{{@, result=~"{REFUSED}|unavailable|failed|orphan"}}'
                "[$__rate_interval]))",
                "{{result}}",
            ),
        ),
        graph(
            "Security events",
            "Attempts to cross a boundary: forged callbacks, and asking for what is another business's.",
            "cps",
            Query("sum by (kind) (rate(ringfence_security_events_total{@}[$__rate_interval]))", "{{kind}}"),
        ),
        graph(
            "Calls against callbacks",
            "Calls started and ended per second. Ends that lag behind are callbacks that are missing.",
            "cps",
            Query("sum(rate(ringfence_calls_started_total{@}[$__rate_interval]))", "started"),
            Query("sum(rate(ringfence_calls_ended_total{@}[$__rate_interval]))", "ended"),
        ),
    ),
)

BOARD = Board(
    "webhooks",
    "Webhooks",
    "Callbacks by event and result, how fast they are recorded, what is refused.",
    (NOW, FLOW),
)
