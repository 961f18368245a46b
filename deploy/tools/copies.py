"""Copies the alerts and dashboards to where a chart and a kustomization can read them: inside themselves.

`python deploy/tools/copies.py` writes the copies; with `--check` it only says which are not what they should be.
"""

import sys
from pathlib import Path
from textwrap import indent

DEPLOY = Path(__file__).resolve().parents[1]
RULES = DEPLOY / "prometheus" / "rules.yml"
DASHBOARDS = DEPLOY / "grafana"
CHART = DEPLOY / "k8s" / "helm" / "ringfence" / "files"
COMPONENT = DEPLOY / "k8s" / "kustomize" / "components" / "monitoring"

PROMETHEUS_RULE = """\
# A copy of deploy/prometheus/rules.yml.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: ringfence
  labels:
    app.kubernetes.io/name: ringfence
    app.kubernetes.io/instance: ringfence
    app.kubernetes.io/component: monitoring
    app.kubernetes.io/part-of: ringfence
spec:
"""

KUSTOMIZATION = """\
# For the Prometheus operator and Grafana's sidecar. This file, rules.yaml and dashboards/ are copies
# (make deploy-copies).
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
resources: [podmonitor.yaml, rules.yaml]
"""

GENERATOR = """\
  - name: ringfence-{name}
    files: [dashboards/{name}.json]
    options:
      disableNameSuffixHash: true
      labels:
        app.kubernetes.io/name: ringfence
        app.kubernetes.io/instance: ringfence
        app.kubernetes.io/component: monitoring
        app.kubernetes.io/part-of: ringfence
        grafana_dashboard: "1"
"""


def copies() -> dict[Path, str]:
    """Every copy and what it should hold."""
    rules = RULES.read_text()
    dashboards = sorted(DASHBOARDS.glob("*.json"))
    kustomization = KUSTOMIZATION
    if dashboards:
        kustomization += "configMapGenerator:\n"
        kustomization += "".join(GENERATOR.format(name=path.stem) for path in dashboards)
    wanted = {
        CHART / "rules.yml": rules,
        COMPONENT / "rules.yaml": PROMETHEUS_RULE + indent(rules, "  "),
        COMPONENT / "kustomization.yaml": kustomization,
    }
    for path in dashboards:
        for folder in (CHART, COMPONENT):
            wanted[folder / "dashboards" / path.name] = path.read_text()
    return wanted


def stale(wanted: dict[Path, str]) -> list[Path]:
    """The copies that differ, are missing, or have no original any more."""
    different = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    present = [path for folder in (CHART, COMPONENT) for path in folder.glob("dashboards/*.json")]
    return different + [path for path in present if path not in wanted]


def main(check: bool) -> int:
    """Write what is stale, or only name it."""
    wanted = copies()
    said = "not what it is a copy of: make deploy-copies" if check else "brought up to date"
    for path in stale(wanted):
        print(f"{path.relative_to(DEPLOY.parent)} is {said}")  # noqa: T201
        if not check and path in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path])
        elif not check:
            path.unlink()
    return int(check and bool(stale(wanted)))


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
