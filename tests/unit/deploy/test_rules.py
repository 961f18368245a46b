"""The alert rules name what there is, add up only what may be added up, and lead to a page that helps."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.deploy.promql import selectors
from tests.unit.deploy.registry import DATABASE_GAUGES, exported

ROOT = Path(__file__).parents[3]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((PROMETHEUS / "rules.yml").read_text())["groups"] for rule in group["rules"]
]
TESTS: dict[str, Any] = yaml.safe_load((PROMETHEUS / "rules_test.yml").read_text())
ALERTS = [rule for rule in RULES if "alert" in rule]
RECORDS = {rule["record"] for rule in RULES if "record" in rule}

every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
every_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda rule: rule["alert"])

WANTED = {
    "RingfenceRunWithoutHeartbeat": {"page"},
    "RingfenceRunsStuck": {"page"},
    "RingfenceRunLockedWithoutHeartbeat": {"warn"},
    "RingfenceRunWithoutProgress": {"page"},
    "RingfenceNoActiveDispatcher": {"page"},
    "RingfenceTwoActiveDispatchers": {"page"},
    "RingfencePartitionUnheld": {"page"},
    "RingfenceSlotTurnaroundSlow": {"page", "warn"},
    "RingfenceCallUncertainTooLong": {"warn"},
    "RingfenceDuplicateCall": {"page"},
    "RingfenceDuplicateDialPrevented": {"warn"},
    "RingfenceProviderContradicts": {"warn"},
    "RingfenceNoCallbacks": {"page"},
    "RingfenceCallbacksNotRecorded": {"page"},
    "RingfenceCallbacksRefused": {"warn"},
    "RingfenceOrphanCallback": {"page"},
    "RingfenceDeadLetters": {"warn"},
    "RingfenceTwilioAccountBlocked": {"warn"},
    "RingfenceTwilioRefusing": {"page"},
    "RingfenceTwilioThrottling": {"warn"},
    "RingfenceDatabaseAway": {"page"},
    "RingfenceBrokerAway": {"page"},
    "RingfenceServerAwayForSome": {"warn"},
    "RingfenceDatabaseUntrusted": {"page"},
    "RingfenceWorkFails": {"warn"},
    "RingfenceMetricsMissing": {"page"},
    "RingfenceTargetDown": {"warn"},
}


def test_what_wakes_somebody_and_what_can_wait() -> None:
    severities: dict[str, set[str]] = defaultdict(set)
    for alert in ALERTS:
        severities[alert["alert"]].add(alert["labels"]["severity"])
    assert severities == WANTED


@every_rule
def test_a_rule_asks_for_metrics_and_labels_that_our_services_export(rule: dict[str, Any]) -> None:
    known = exported() | {name: {"namespace"} for name in RECORDS} | {"up": {"job", "instance"}}
    for one in selectors(rule["expr"]):
        assert one.name in known, f"nobody exports {one.name}"
        assert one.labels | one.grouped <= known[one.name], f"{one.name} has no such label"


@every_rule
def test_gauges_of_the_database_are_never_added_up_over_replicas(rule: dict[str, Any]) -> None:
    """The api and the reaper, and every replica of them, export the same number."""
    for one in selectors(rule["expr"]):
        if one.name in DATABASE_GAUGES:
            assert one.around[0] in ("max", "absent"), rule["expr"]
            assert "sum" not in one.around


@every_rule
def test_a_rule_keeps_installations_apart(rule: dict[str, Any]) -> None:
    for one in selectors(rule["expr"]):
        whole = one.name in RECORDS or one.name == "up" or one.around[:1] == ("absent",)
        assert whole or "namespace" in one.grouped, rule["expr"]


@every_alert
def test_an_alert_says_what_is_wrong_and_leads_to_a_page_that_names_it(alert: dict[str, Any]) -> None:
    assert set(alert["labels"]) <= {"severity", "window"}
    notes = alert["annotations"]
    assert set(notes) == {"summary", "description", "runbook_url"}
    assert not notes["summary"].endswith(".")
    assert notes["description"].endswith((".", "?"))
    assert len(notes["summary"]) < 110
    page = ROOT / notes["runbook_url"]
    assert page.parent == ROOT / "docs" / "runbook"
    assert f"`{alert['alert']}`" in page.read_text()
    assert f"`{alert['alert']}`" in (page.parent / "README.md").read_text()


@every_alert
def test_an_alert_shows_only_labels_that_its_expression_keeps(alert: dict[str, Any]) -> None:
    """A label that an aggregation dropped is an empty place in the page that somebody reads at night."""
    shown = set(re.findall(r"\$labels\.(\w+)", " ".join(alert["annotations"].values())))
    kept = set().union(*(one.grouped for one in selectors(alert["expr"])))
    assert shown <= kept | ({"instance", "job"} if "up{" in alert["expr"] else set())


@every_alert
def test_an_alert_is_tested_firing_and_silent_each_at_more_than_one_moment(alert: dict[str, Any]) -> None:
    firing = silent = 0
    for group in TESTS["tests"]:
        for case in group.get("alert_rule_test", []):
            if case["alertname"] == alert["alert"]:
                firing += bool(case.get("exp_alerts"))
                silent += not case.get("exp_alerts")
    assert firing >= 1
    assert silent >= 3


def test_the_limit_of_the_heartbeat_is_two_minutes_and_waits_for_nothing_else() -> None:
    (alert,) = (one for one in ALERTS if one["alert"] == "RingfenceRunWithoutHeartbeat")
    assert alert["expr"].endswith("> 120")
    assert "for" not in alert
