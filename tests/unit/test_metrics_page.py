"""The page of the metrics has each that is exported, with its type, its labels and their values, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest
import yaml
from prometheus_client import Counter, Gauge, Histogram

from services.dispatcher import trust
from services.webhook.incoming import UNKNOWN_EVENT
from services.webhook.record import VOICE
from services.webhook.refusals import REFUSED
from services.webhook.routes import FAILED
from shared import metrics
from shared.telephony.callback import CallStatus
from simulator.exchange import Exchange
from simulator.health import Health
from simulator.tally import Tally
from stack.rundir import ROOT
from tests.unit import tables
from tests.unit.deploy.registry import OURS
from tests.unit.log_lines import modules

PAGE = tables.page("metrics.md")
TYPES = {"counts": "counter", "measures": "histogram"}
"""A column that only the table of this type has; the others are gauges."""

LISTED = tables.rows(PAGE, "metric")
ROWS = {tables.words(row["metric"])[0]: row for row in LISTED if "labels" in row}
VALUES = {
    (tables.words(row["metric"])[0], tables.words(row["label"])[0]): row["values"] for row in LISTED if "label" in row
}
EXPORTED = {f"{one._name}_total" if isinstance(one, Counter) else one._name: one for one in OURS}


def recorded_words() -> set[str]:
    """What a callback that was recorded is counted as."""
    function = ROOT / "shared" / "queries" / "functions" / "ringfence_record_callbacks.sql"
    found = set(re.findall(r"\bresult := '(\w+)'", function.read_text()))
    return found - {"busy", "unknown", "unvouched"}  # which are asked again, and counted as what they turn out to be


def loops() -> Iterator[str]:
    """The names that background work gives itself."""
    for _, module in modules():
        for call in (node for node in ast.walk(module) if isinstance(node, ast.Call)):
            named = ast.unparse(call.func).rpartition(".")[2]
            if named in ("every", "Outage", "report_failure"):
                yield from _literals(call.args[-1:] if named == "every" else call.args[:1])
            elif named == "Rounds":
                yield from (f"{name}{ending}" for name in _literals(call.args[:1]) for ending in ("", "s"))
            elif named == "labels":
                yield from _literals([word.value for word in call.keywords if word.arg == "loop"])


def _literals(arguments: list[ast.expr]) -> Iterator[str]:
    for argument in arguments:
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            yield argument.value


KNOWN: dict[tuple[str, str], set[str]] = {
    ("ringfence_create_results_total", "class"): set(metrics.ANSWER_CLASSES),
    ("ringfence_calls_ended_total", "outcome"): set(metrics.CALL_OUTCOMES),
    ("ringfence_calls_settled_total", "how"): set(metrics.SETTLED_BY),
    ("ringfence_duplicate_dials_prevented_total", "how"): set(metrics.PREVENTED_BY),
    ("ringfence_provider_contradictions_total", "kind"): set(metrics.CONTRADICTIONS),
    ("ringfence_stale_runs_total", "action"): set(metrics.STALE_ACTIONS),
    ("ringfence_webhooks_total", "event"): {status.value for status in CallStatus} | {VOICE, UNKNOWN_EVENT},
    ("ringfence_webhooks_total", "result"): {*recorded_words(), *REFUSED, FAILED, "answered"},
    ("ringfence_security_events_total", "kind"): set(metrics.SECURITY_KINDS),
    ("ringfence_dependency_up", "name"): {"database", "broker", trust.NAME},
    ("ringfence_runs", "status"): set(metrics.RUN_STATUSES),
    ("ringfence_runs_stuck", "kind"): set(metrics.STUCK_KINDS),
    ("ringfence_loop_errors_total", "loop"): set(loops()),
}


def test_the_page_has_every_metric_once_and_no_other() -> None:
    assert len(ROWS) == len([row for row in LISTED if "labels" in row])
    assert {name for name in ROWS if name.startswith("ringfence_")} == EXPORTED.keys()


def test_metrics_are_made_in_one_place() -> None:
    """Else the page, the rules and the dashboards would be held to half of them."""
    makers = {
        str(path.relative_to(ROOT))
        for path, module in modules()
        for node in ast.walk(module)
        if isinstance(node, (ast.Import, ast.ImportFrom)) and "prometheus_client" in ast.unparse(node)
    }
    assert {maker for maker in makers if not maker.startswith(("simulator/", "stack/"))} == {"shared/metrics.py"}


@pytest.mark.parametrize("name", sorted(EXPORTED))
def test_the_page_says_type_and_labels(name: str) -> None:
    metric, row = EXPORTED[name], ROWS[name]
    assert next((TYPES[head] for head in row if head in TYPES), "gauge") == metric._type
    assert tuple(tables.words(row["labels"])) == metric._labelnames
    assert isinstance(metric, (Counter, Gauge, Histogram))
    assert row.get("counts") or row["unit"]
    if name.endswith("_seconds"):
        assert row["unit"] == "seconds"


def test_the_page_has_the_values_of_every_label() -> None:
    assert VALUES.keys() == KNOWN.keys()
    assert VALUES.keys() == {(name, label) for name, one in EXPORTED.items() for label in one._labelnames}


@pytest.mark.parametrize(("name", "label"), KNOWN)
def test_the_page_has_each_value_once_and_no_other(name: str, label: str) -> None:
    assert sorted(tables.words(VALUES[name, label])) == sorted(KNOWN[name, label])


def test_every_loop_is_on_the_page_for_failing_work() -> None:
    rows = tables.rows(tables.page("runbook/failing-work.md"), "`loop`")
    assert sorted(word for row in rows for word in tables.words(row["`loop`"])) == sorted(set(loops()))


def test_the_page_has_the_series_that_the_rules_record() -> None:
    groups = yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules.yml").read_text())["groups"]
    recorded = [rule["record"] for group in groups for rule in group["rules"] if "record" in rule]
    assert [tables.words(row["series"])[0] for row in tables.rows(PAGE, "series")] == recorded


def test_the_page_has_the_simulators_metrics() -> None:
    families = Health(cast(Exchange, SimpleNamespace(tally=Tally()))).collect()
    exported = {f"{one.name}_total" if one.type == "counter" else one.name for one in families}
    assert {name for name in ROWS if name.startswith("simulator_")} == exported
