"""Draws every dashboard with Grafana's own panel components, over what a Prometheus saw of a campaign.

Run as `python -m tests.deploy.monitoring.pictures`: four minutes of a campaign with a provider that errs now and then
and a dispatcher that is killed, then a PNG of each dashboard in docs/dashboards. Needs npm and Chromium as well.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
import shutil
import subprocess
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from deploy.grafana.__main__ import BOARDS
from deploy.grafana.board import Board
from stack.system import Stack
from tests.deploy.monitoring.observed import SETTINGS, campaign, panels, query_of, watched
from tests.deploy.monitoring.programs import ROOT
from tests.deploy.monitoring.watchers import Watcher

SOURCES = ROOT / "deploy" / "grafana" / "pictures"
WORKSHOP = ROOT / ".tools" / "pictures"
PICTURES = ROOT / "docs" / "dashboards"
SECONDS = 240
STEP = 2
PATIENCE = 900
CELL = 38
MARGIN = 90
LEADS = 1500
ERRORS = [
    {"mode": "reset_after_accept", "match": {"probability": 0.01}},
    {"mode": "http_429", "match": {"probability": 0.02}},
    {"mode": "callback_duplicate", "match": {"probability": 0.05}},
]
BUNDLE = (
    "node_modules/.bin/esbuild render.jsx --bundle --minify --outfile=bundle.js --define:global=window"
    ' --define:process.env.NODE_ENV="production" --loader:.svg=dataurl --loader:.woff2=dataurl --loader:.ttf=dataurl'
)
CHROMIUM = (
    "--headless --no-sandbox --disable-gpu --hide-scrollbars --allow-file-access-from-files --virtual-time-budget=15000"
)


async def observe() -> list[dict[str, Any]]:
    """Run the campaign, and return each dashboard with what Prometheus answers to its queries."""
    async with AsyncExitStack() as closing, Stack(settings=SETTINGS, name="pictures") as stack:
        watcher = await watched(stack, closing)
        began = time.time()
        await stack.simulator.add_rules(*ERRORS)
        await campaign(stack, LEADS, cap=12)
        await asyncio.sleep(SECONDS / 2)
        await stack.kill("dispatcher")
        await stack.start("dispatcher")
        await asyncio.sleep(SECONDS / 2)
        return [await _answered(watcher, board, began, time.time()) for board in BOARDS]


async def _answered(watcher: Watcher, board: Board, began: float, ended: float) -> dict[str, Any]:
    drawn = [await _panel(watcher, panel, began, ended) for panel in panels(board)]
    height = max(panel["place"]["y"] + panel["place"]["h"] for panel in drawn)
    title = f"Ringfence / {board.title}"
    return {
        "slug": board.slug,
        "title": title,
        "from": began * 1000,
        "to": ended * 1000,
        "height": height,
        "panels": drawn,
    }


async def _panel(watcher: Watcher, panel: dict[str, Any], began: float, ended: float) -> dict[str, Any]:
    shown = {"id": panel["id"], "kind": panel["type"], "title": panel["title"], "place": panel["gridPos"]}
    if panel["type"] == "row":
        return shown
    defaults = panel["fieldConfig"]["defaults"]
    custom = defaults.get("custom", {})
    series: list[dict[str, Any]] = []
    for target in panel["targets"]:
        params: dict[str, str | float] = {"query": query_of(target), "start": began, "end": ended, "step": STEP}
        found = await watcher.ask("/api/v1/query_range", **params)
        series.extend(_line(target["legendFormat"], one) for one in found["data"]["result"])
    return shown | {
        "unit": defaults["unit"],
        "steps": defaults.get("thresholds", {"steps": [{"value": None, "color": "green"}]})["steps"],
        "limit": "thresholdsStyle" in custom,
        "stacked": custom.get("stacking", {}).get("mode") == "normal",
        "softMax": custom.get("axisSoftMax"),
        "fill": custom.get("fillOpacity", 8),
        "series": series,
    }


def _line(legend: str, result: dict[str, Any]) -> dict[str, Any]:
    name = re.sub(r"{{(\w+)}}", lambda found: result["metric"].get(found.group(1), ""), legend).strip()
    values = [float(value) for _, value in result["values"]]
    return {
        "name": name or "value",
        "times": [moment * 1000 for moment, _ in result["values"]],
        "values": [None if math.isnan(value) else value for value in values],
    }


def bundle() -> None:
    """Get Grafana's components, and put them and our few lines into one script."""
    WORKSHOP.mkdir(parents=True, exist_ok=True)
    for file in SOURCES.iterdir():
        shutil.copy(file, WORKSHOP)
    if not (WORKSHOP / "node_modules").exists():
        _run(["npm", "install", "--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund"])
    _run(BUNDLE.split())


def draw(content: dict[str, Any]) -> Path:
    """Take the picture of one dashboard."""
    (WORKSHOP / "data.js").write_text(f"window.BOARD = {json.dumps(content)};")
    picture = PICTURES / f"{content['slug']}.png"
    size = f"--window-size=1640,{content['height'] * CELL + MARGIN}"
    page = (WORKSHOP / "page.html").as_uri()
    _run([_browser(), *CHROMIUM.split(), size, f"--screenshot={picture}", page])
    return picture


def _browser() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    raise FileNotFoundError("Chromium draws the pictures, and is not on PATH: install the package chromium")


def _run(command: list[str]) -> None:
    subprocess.run(command, cwd=WORKSHOP, check=True, timeout=PATIENCE, env=dict(os.environ))


def main() -> None:
    """Draw every dashboard."""
    _browser()
    bundle()
    PICTURES.mkdir(exist_ok=True)
    for content in asyncio.run(observe()):
        print(draw(content))  # noqa: T201 -- a command's answer


if __name__ == "__main__":
    main()
