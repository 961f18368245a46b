"""A dashboard: titled rows of panels, laid out and numbered, as the JSON that Grafana imports.

Rules: a row's panels share its width; ids count from 1, rows included, because the SDK leaves them empty; the same
code always gives the same bytes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    VariableOption,
    VariableRefresh,
)

from deploy.grafana.panels import SOURCE, Panel

WIDTH: Final = 24
FIGURE_HEIGHT: Final = 4
GRAPH_HEIGHT: Final = 8
TAG: Final = "ringfence"


@dataclass(frozen=True)
class Row:
    """Panels side by side under a title; all figures, or all graphs."""

    title: str
    panels: tuple[Panel, ...]
    across: int = 3


@dataclass(frozen=True)
class Board:
    """One dashboard. `slug` names its file and its address."""

    slug: str
    title: str
    description: str
    rows: tuple[Row, ...] = field(default=())

    def json(self) -> str:
        """The dashboard as it is committed."""
        return json.dumps(self.content(), indent=2, sort_keys=True) + "\n"

    def content(self) -> dict[str, Any]:
        """The dashboard as Grafana reads it, every panel in its place and with a number of its own."""
        content: dict[str, Any] = json.loads(json.dumps(self._built(), cls=JSONEncoder))
        panels: list[dict[str, Any]] = []
        y = 0
        for row in self.rows:
            panels.append(_heading(row.title, y))
            y = _place(row, panels, y + 1)
        for number, panel in enumerate(panels, 1):
            panel["id"] = number
        content["panels"] = panels
        return content

    def _built(self) -> Any:
        builder = (
            dashboard.Dashboard(f"Ringfence / {self.title}")
            .uid(f"ringfence-{self.slug}")
            .description(self.description)
            .tags([TAG])
            .timezone("browser")
            .refresh("10s")
            .time("now-30m", "now")
            .tooltip(DashboardCursorSync.CROSSHAIR)
            .readonly()
            .with_variable(_source())
            .with_variable(_namespace())
            .link(
                dashboard.DashboardLink("Ringfence")
                .type(DashboardLinkType.DASHBOARDS)
                .tags([TAG])
                .as_dropdown(True)  # noqa: FBT003 -- the builder's own signature
                .include_vars(True)  # noqa: FBT003
                .keep_time(True)  # noqa: FBT003
            )
        )
        return builder.build()


def _source() -> dashboard.DatasourceVariable:
    return dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")


def _namespace() -> dashboard.QueryVariable:
    """All installations unless one is chosen; it also fits where nothing sets the label."""
    return (
        dashboard.QueryVariable("namespace")
        .label("Installation")
        .datasource(DataSourceRef(type_val=SOURCE.type_val, uid=SOURCE.uid))
        .query("label_values(ringfence_slots_total, namespace)")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .include_all(True)  # noqa: FBT003 -- the builder's own signature
        .all_value(".*")
        .current(VariableOption(text="All", value="$__all"))
    )


def _heading(title: str, y: int) -> dict[str, Any]:
    place = {"x": 0, "y": y, "w": WIDTH, "h": 1}
    return {"type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}


def _place(row: Row, panels: list[dict[str, Any]], y: int) -> int:
    """Lay a row's panels out from `y` on; returns where the next row begins."""
    below = y
    for number, panel in enumerate(row.panels):
        content: dict[str, Any] = json.loads(json.dumps(panel.build(), cls=JSONEncoder))
        height = FIGURE_HEIGHT if content["type"] == "stat" else GRAPH_HEIGHT
        line, column = divmod(number, row.across)
        x, right = (WIDTH * edge // row.across for edge in (column, column + 1))
        content["gridPos"] = {"x": x, "y": y + line * height, "w": right - x, "h": height}
        panels.append(content)
        below = y + (line + 1) * height
    return below
