"""Pictures of a bench's results, as SVG files beside the table."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas

from bench.results import Results
from bench.table import ENGINES

SIZE = (8, 4.5)
BACKLOG = re.compile(r"(small|whale) (\S+) jobs (\d+) businesses( snapshot held)? p50")
LINES = {"floor": ":", "paced floor": "-.", "rest": "-", "half": "--"}
CALLED = {
    "floor": "floor",
    "paced floor": "floor, a lap every 30 ms",
    "rest": "at rest",
    "half": "at half of saturation",
}

Draw = Callable[[Results, Any], bool]


def draw_all(results: Results, folder: Path) -> list[Path]:
    """Draw what there are figures for."""
    mpl.rcParams["svg.hashsalt"] = "ringfence"  # the same figures make the same file
    pictures: dict[str, Draw] = {"turnaround": _turnaround, "cpu": _cpu, "claims": _claims}
    drawn = []
    for name, draw in pictures.items():
        canvas = Canvas(figsize=SIZE, layout="constrained")
        if draw(results, canvas.subplots()):
            drawn.append(folder / f"{name}.svg")
            canvas.savefig(drawn[-1], metadata={"Date": None})
    return drawn


def _turnaround(results: Results, axes: Any) -> bool:
    """What share of the slots was used again within how long."""
    for engine, measured in results.measured.get("turnaround", {}).items():
        for name, values in measured.details["samples_ms"].items():
            ordered = sorted(values)
            shares = [100 * (n + 1) / len(ordered) for n in range(len(ordered))]
            axes.plot(ordered, shares, LINES[name], label=f"{ENGINES[engine]}, {CALLED[name]}")
    if axes.lines:
        axes.set(
            xscale="log", xlabel="ms from a terminal callback to the next create", ylabel="% of slots", ylim=(0, 100)
        )
        axes.legend()
        axes.grid(visible=True, alpha=0.3)
    return bool(axes.lines)


def _cpu(results: Results, axes: Any) -> bool:
    """CPU of a call, by process, an engine a bar."""
    found = results.measured.get("saturation", {})
    for engine, measured in found.items():
        left = 0.0
        for name, figure in measured.figures.items():
            if name.startswith("cpu ") and name != "cpu bench":
                axes.barh(ENGINES[engine], figure.median, left=left)
                word = name.removeprefix("cpu ")
                axes.text(
                    left + figure.median / 2, ENGINES[engine], word, ha="center", va="center", rotation=90, size=8
                )
                left += figure.median
    axes.set(xlabel="ms of CPU for a call at saturation")
    return bool(found)


def _claims(results: Results, axes: Any) -> bool:
    """How long a claim takes with how many jobs queued."""
    for measured in results.measured.get("claim_cost", {}).values():
        series: dict[str, list[tuple[float, float]]] = {}
        for name, figure in measured.figures.items():
            if match := BACKLOG.fullmatch(name):
                who, jobs, businesses, held = match.groups()
                label = f"{who}, {int(businesses):,} businesses{',' + held if held else ''}"
                series.setdefault(label, []).append((float(jobs), figure.median))
        for label, points in series.items():
            axes.plot(*zip(*sorted(points), strict=True), "o-", label=label)
    if axes.lines:
        axes.set(xscale="log", yscale="log", xlabel="queued jobs", ylabel="ms for a claim, p50")
        axes.legend(fontsize=8)
        axes.grid(visible=True, alpha=0.3)
    return bool(axes.lines)
