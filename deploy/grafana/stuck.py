"""The figure of stuck runs, which stands on two boards."""

from __future__ import annotations

from grafana_foundation_sdk.builders import stat

from deploy.grafana.panels import Query, figure


def stuck_runs() -> stat.Panel:
    """How many runs do not move."""
    return figure(
        "Stuck runs",
        "Runs that do not move, of the kind that has most of them.",
        "short",
        Query("max by (namespace) (ringfence_runs_stuck{@})", "{{namespace}}"),
        bad_from=1,
    )
