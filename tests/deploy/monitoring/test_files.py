"""promtool and amtool read the files that operators get."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.monitoring.programs import PROMETHEUS, ROOT, answer, program


def test_promtool_reads_every_rule() -> None:
    written = re.findall(r"^ +- (?:alert|record):", (PROMETHEUS / "rules.yml").read_text(), re.MULTILINE)
    assert f"SUCCESS: {len(written)} rules found" in answer("promtool", "check", "rules", PROMETHEUS / "rules.yml")


def test_every_alert_does_what_its_unit_tests_say() -> None:
    assert "SUCCESS" in answer("promtool", "test", "rules", PROMETHEUS / "rules_test.yml")


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("ringfence_heartbeat_age_seconds) > 120", "ringfence_heartbeat_age_seconds) > 121"),
        ("ringfence_runs_stuck) > 5", "ringfence_runs_stuck) > 4"),
        ("max by (namespace, kind) (ringfence_runs_stuck)", "sum by (namespace, kind) (ringfence_runs_stuck)"),
        ("> 14.4 * 0.01", "> 15 * 0.01"),
        ("> 3 * max by (namespace) (ringfence_absent_after", "> 2 * max by (namespace) (ringfence_absent_after"),
        ("for: 10m", "for: 9m"),
    ],
)
def test_a_rule_that_is_a_little_off_fails_its_unit_tests(tmp_path: Path, was: str, becomes: str) -> None:
    """Else the unit tests would only say that something fires."""
    rules = (PROMETHEUS / "rules.yml").read_text()
    assert was in rules
    (tmp_path / "rules.yml").write_text(rules.replace(was, becomes))
    shutil.copy(PROMETHEUS / "rules_test.yml", tmp_path)
    command = [program("promtool"), "test", "rules", str(tmp_path / "rules_test.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 1
    assert "exp:" in done.stdout + done.stderr


def test_prometheus_reads_the_scrape_configuration_of_compose(tmp_path: Path) -> None:
    shutil.copy(ROOT / "deploy" / "docker" / "prometheus.yml", tmp_path)
    shutil.copy(PROMETHEUS / "rules.yml", tmp_path)
    assert "SUCCESS" in answer("promtool", "check", "config", tmp_path / "prometheus.yml")


def test_alertmanager_reads_the_example_and_wakes_somebody_for_pages_only() -> None:
    example = PROMETHEUS / "alertmanager.yml"
    assert "SUCCESS" in answer("amtool", "check-config", example)
    for severity, receiver in (("page", "pager"), ("warn", "channel")):
        routed = answer("amtool", "config", "routes", "test", f"--config.file={example}", f"severity={severity}")
        assert {"pager", "channel"} & set(routed.split()) == {receiver}


def test_the_example_inhibits_only_alerts_that_there_are() -> None:
    names = set(re.findall(r"alert: (\w+)", (PROMETHEUS / "rules.yml").read_text()))
    for quoted in re.findall(r'alertname =~? "([^"]+)"', (PROMETHEUS / "alertmanager.yml").read_text()):
        if "(" in quoted:
            head, alternatives = quoted.rstrip(")").split("(")
            assert {head + one for one in alternatives.split("|")} <= names
        else:
            assert quoted in names
