"""The alerts and dashboards that chart and kustomization carry are those of deploy/prometheus and deploy/grafana."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml

DEPLOY = Path(__file__).parents[3] / "deploy"


def test_the_copies_are_up_to_date() -> None:
    done = subprocess.run([sys.executable, DEPLOY / "tools" / "copies.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_rule_object_holds_the_rules() -> None:
    copy = yaml.safe_load((DEPLOY / "k8s/kustomize/components/monitoring/rules.yaml").read_text())
    assert copy["spec"] == yaml.safe_load((DEPLOY / "prometheus/rules.yml").read_text())
