"""A graph of how long something takes: median and tail of a histogram of ours."""

from __future__ import annotations

from grafana_foundation_sdk.builders import timeseries

from deploy.grafana.panels import Query, graph

SHOWN = ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))


def quantiles(title: str, description: str, histogram: str, *, limit: float | None = None) -> timeseries.Panel:
    """Median, 95th and 99th percentile of `ringfence_<histogram>`, in seconds, over all processes."""
    rate = f"sum by (le) (rate(ringfence_{histogram}_bucket{{@}}[$__rate_interval]))"
    lines = [Query(f"histogram_quantile({quantile}, {rate})", name) for quantile, name in SHOWN]
    return graph(title, description, "s", *lines, limit=limit)
