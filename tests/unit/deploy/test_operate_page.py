"""The page for operators says what the chart does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from shared import logs

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "operate.md").read_text()
CHART = ROOT / "deploy/k8s/helm/ringfence"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())


def test_the_limits_of_the_queues_are_those_of_the_chart() -> None:
    commands = dict(re.findall(r"set_policy --apply-to queues (\S+) '[^']+' '([^']+)'", PAGE))
    policies = VALUES["broker"]["policies"]
    assert {name: json.loads(definition) for name, definition in commands.items()} == {
        "ringfence-dispatcher": {"delivery-limit": policies["deliveryLimit"]},
        "ringfence-dead-letters": {"max-length": policies["deadLetters"], "overflow": "drop-head"},
    }


def test_the_values_that_the_page_names_are_there() -> None:
    for path in re.findall(r"--set ([A-Za-z.]+[A-Z_a-z]+)=", PAGE):
        value = VALUES
        for step in path.split("."):
            assert step in value, path
            value = value[step]


def test_the_oldest_kubernetes_is_the_charts() -> None:
    oldest = re.search(r"Kubernetes (1\.\d+) or newer", PAGE)
    assert oldest is not None
    assert f">={oldest[1]}.0-0" in (CHART / "Chart.yaml").read_text()


@pytest.mark.parametrize(("level", "shown"), [("info", False), ("warning", True), ("error", True), ("critical", True)])
def test_the_search_for_trouble_finds_the_lines_that_tell_of_it(level: str, shown: bool) -> None:
    """A search that finds nothing looks like a system without trouble."""
    searched = re.search(r"grep -E '([^']+)'", PAGE)
    assert searched is not None
    line = logs._render_json(None, level, logs._Frame("api")(None, level, {"event": "AN_EVENT"}))
    assert bool(re.search(searched[1], line)) is shown
