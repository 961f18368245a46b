"""What our processes use, and whether their own work fails."""

from __future__ import annotations

from deploy.grafana.board import Row
from deploy.grafana.panels import Query, graph


def processes() -> Row:
    """CPU, memory and failing background work of every process."""
    return Row(
        "Processes",
        (
            graph(
                "CPU",
                "Cores in use by each process. One event loop uses one at most.",
                "short",
                Query("sum by (instance) (rate(process_cpu_seconds_total{§}[$__rate_interval]))", "{{instance}}"),
            ),
            graph(
                "Memory",
                "Resident memory of each process.",
                "bytes",
                Query("sum by (instance) (process_resident_memory_bytes{§})", "{{instance}}"),
            ),
            graph(
                "Failing work",
                "Failures of background work per second, by loop. LOOP_FAILED in the log says why.",
                "cps",
                Query("sum by (loop) (rate(ringfence_loop_errors_total{@}[$__rate_interval]))", "{{loop}}"),
            ),
        ),
    )
