"""The panels that dashboards are made of: graphs and single figures, over Prometheus.

Rules: every panel says in its description how to read it; in an expression `@` stands for the selector of the chosen
installations, and `§` for that of our own processes; rates are taken over Grafana's own interval, to suit the zoom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import DataSourceRef, Threshold, ThresholdsMode

SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
INSTALLATION: Final = 'namespace=~"$namespace"'
OURS: Final = f'{INSTALLATION}, job=~"(.*/)?ringfence.*"'
LETTERS: Final = "ABCDEFGH"
LEAST_SCALE: Final = {"short": 1, "cps": 0.1, "percentunit": 0.05}
"""How far the axis reaches at least, so that a line at zero is not drawn against hundreds."""

Panel = timeseries.Panel | stat.Panel


@dataclass(frozen=True)
class Query:
    """One line, or one per label set, of a panel."""

    expr: str
    legend: str

    @property
    def promql(self) -> str:
        """The expression with its selectors, as Grafana sends it."""
        return self.expr.replace("@", INSTALLATION).replace("§", OURS)


def graph(
    title: str, description: str, unit: str, *queries: Query, stacked: bool = False, limit: float | None = None
) -> timeseries.Panel:
    """Lines over time; `limit` is drawn as the line that an alert is about."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .min(0)
        .line_width(1)
        .fill_opacity(40 if stacked else 8)
        .legend(
            common.VizLegendOptions()
            .show_legend(True)  # noqa: FBT003 -- the builder's own signature
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .calcs([])
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    )
    if unit in LEAST_SCALE:
        panel.axis_soft_max(LEAST_SCALE[unit])
    if stacked:
        panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    if limit is not None:
        panel.thresholds(_steps(limit)).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
        )
    for target in _targets(queries):
        panel.with_target(target)
    return panel


def figure(
    title: str,
    description: str,
    unit: str,
    query: Query,
    *,
    bad_from: float | None = None,
    bad_below: float | None = None,
) -> stat.Panel:
    """The newest value alone, green, or red where it is bad."""
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.AREA)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))  # noqa: FBT003
        .thresholds(_below(bad_below) if bad_below is not None else _steps(bad_from))
    )
    for target in _targets([query]):
        panel.with_target(target)
    return panel


def _steps(bad_from: float | None) -> dashboard.ThresholdsConfig:
    steps = [Threshold(value=None, color="green")]
    if bad_from is not None:
        steps.append(Threshold(value=bad_from, color="red"))
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def _below(good_from: float) -> dashboard.ThresholdsConfig:
    steps = [Threshold(value=None, color="red"), Threshold(value=good_from, color="green")]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def _targets(queries: Sequence[Query]) -> list[prometheus.Dataquery]:
    return [
        prometheus.Dataquery().expr(query.promql).legend_format(query.legend).ref_id(letter).datasource(SOURCE).range()
        for letter, query in zip(LETTERS, queries, strict=False)
    ]
