"""RabbitMQ and PostgreSQL, as their own exporters tell: rabbitmq_prometheus and postgres_exporter.

Rules: only names that old and new versions of both share. The dispatch queue itself needs RabbitMQ's
`/metrics/detailed?family=queue_coarse_metrics&family=queue_consumer_count` scraped as well.
"""

from __future__ import annotations

from deploy.grafana.board import Board, Row
from deploy.grafana.panels import Query, figure, graph

SEEN = Row(
    "As our processes see them",
    (
        figure(
            "Database",
            "1 where every process reaches it, 0 where one does not.",
            "short",
            Query('min by (namespace) (ringfence_dependency_up{@, name="database"})', "{{namespace}}"),
            bad_below=1,
        ),
        figure(
            "Broker",
            "1 where every process reaches it, 0 where one does not. Without it everything works, more slowly.",
            "short",
            Query('min by (namespace) (ringfence_dependency_up{@, name="broker"})', "{{namespace}}"),
            bad_below=1,
        ),
        figure(
            "Database trusted",
            "0 after a failover or a restore, until recent calls were compared with the provider's.",
            "short",
            Query('min by (namespace) (ringfence_dependency_up{@, name="database_trust"})', "{{namespace}}"),
            bad_below=1,
        ),
    ),
)

RABBITMQ = Row(
    "RabbitMQ",
    (
        graph(
            "Messages in the dispatch queue",
            "Ready and unacknowledged. It stays near zero: a message is a hint that is noted at once.",
            "short",
            Query(
                'sum by (queue) (rabbitmq_detailed_queue_messages_ready{@, queue=~"dispatcher.*"})', "ready {{queue}}"
            ),
            Query(
                'sum by (queue) (rabbitmq_detailed_queue_messages_unacked{@, queue=~"dispatcher.*"})',
                "unacked {{queue}}",
            ),
        ),
        graph(
            "Consumers of the dispatch queue",
            "The holder of the lease. With a single active consumer the rest would only wait.",
            "short",
            Query('sum by (queue) (rabbitmq_detailed_queue_consumers{@, queue=~"dispatcher.*"})', "{{queue}}"),
        ),
        graph(
            "Messages published and delivered",
            "Per second, of the whole node.",
            "cps",
            Query("sum(rate(rabbitmq_global_messages_received_total{@}[$__rate_interval]))", "published"),
            Query("sum(rate(rabbitmq_global_messages_acknowledged_total{@}[$__rate_interval]))", "acknowledged"),
        ),
        graph(
            "Connections and channels",
            "Each process keeps one or two connections; growth is a leak.",
            "short",
            Query("sum(rabbitmq_connections{@})", "connections"),
            Query("sum(rabbitmq_channels{@})", "channels"),
        ),
        graph(
            "Memory",
            "Resident memory of the nodes against the watermark at which they block publishers.",
            "bytes",
            Query("sum by (instance) (rabbitmq_process_resident_memory_bytes{@})", "used {{instance}}"),
            Query("sum by (instance) (rabbitmq_resident_memory_limit_bytes{@})", "limit {{instance}}"),
        ),
        graph(
            "Free disk",
            "Against the limit below which publishers are blocked.",
            "bytes",
            Query("min by (instance) (rabbitmq_disk_space_available_bytes{@})", "free {{instance}}"),
            Query("max by (instance) (rabbitmq_disk_space_available_limit_bytes{@})", "limit {{instance}}"),
        ),
    ),
)

POSTGRESQL = Row(
    "PostgreSQL",
    (
        graph(
            "Connections by state",
            "`idle in transaction` is somebody who holds locks and does nothing; ours are cut off after 3 s.",
            "short",
            Query("sum by (state) (pg_stat_activity_count{@})", "{{state}}"),
        ),
        graph(
            "Longest transaction",
            "Of each state. A long one keeps vacuum from cleaning the queue.",
            "s",
            Query("max by (state) (pg_stat_activity_max_tx_duration{@})", "{{state}}"),
        ),
        graph(
            "Transactions",
            "Per second. Locks are taken in one order everywhere, so there are no deadlocks.",
            "cps",
            Query("sum(rate(pg_stat_database_xact_commit{@}[$__rate_interval]))", "committed"),
            Query("sum(rate(pg_stat_database_xact_rollback{@}[$__rate_interval]))", "rolled back"),
            Query("sum(rate(pg_stat_database_deadlocks{@}[$__rate_interval]))", "deadlocks"),
        ),
        graph(
            "Locks",
            "Held or awaited, by mode. Rows are locked without a trace here; tables are.",
            "short",
            Query("sum by (mode) (pg_locks_count{@})", "{{mode}}"),
        ),
        graph(
            "Found in memory",
            "Share of blocks read that were in shared buffers.",
            "percentunit",
            Query(
                "sum(rate(pg_stat_database_blks_hit{@}[$__rate_interval])) / (sum(rate(pg_stat_database_blks_hit{@}"
                "[$__rate_interval])) + sum(rate(pg_stat_database_blks_read{@}[$__rate_interval])))",
                "hit",
            ),
        ),
        graph(
            "Size",
            "Of the databases. Campaigns grow it; callbacks older than 30 days are cleared.",
            "bytes",
            Query("sum by (datname) (pg_database_size_bytes{@})", "{{datname}}"),
        ),
    ),
)

BOARD = Board(
    "servers",
    "RabbitMQ and PostgreSQL",
    "The two servers, as their exporters and our own processes see them.",
    (SEEN, RABBITMQ, POSTGRESQL),
)
