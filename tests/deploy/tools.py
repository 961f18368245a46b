"""The tools of `.tools/deploy`, and what they render."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "k8s" / "helm" / "ringfence"
KUSTOMIZE = DEPLOY / "k8s" / "kustomize"
TOOLS = ROOT / ".tools" / "deploy"
BIN = TOOLS / "bin"
VENV = TOOLS / "venv" / "bin"
HELMS = ("helm3", "helm4")
SCENARIOS = tuple(sorted(path.stem.removesuffix("-values") for path in (CHART / "ci").glob("*-values.yaml")))
OVERLAYS = ("dev", "prod")
KUBERNETES = ("1.30", "1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37")
"""The versions that the chart says it supports."""

TIMEOUT = 300.0
NAMESPACE = "calls"

Object = dict[str, Any]


def crd_schemas() -> Path | None:
    """The folder CRD_SCHEMAS with the schemas of custom resources; unset, ../shared/crd-schemas where that is."""
    named = os.environ.get("CRD_SCHEMAS")
    folder = Path(named) if named else ROOT.parent / "shared" / "crd-schemas"
    if named and not folder.is_dir():
        raise FileNotFoundError(f"CRD_SCHEMAS names no folder: {folder}")
    return folder if folder.is_dir() else None


def run(program: Path, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a tool to its end, whatever that is."""
    if not program.exists():
        raise FileNotFoundError(f"{program} is not there: make k8s-check gets it")
    return subprocess.run(
        [program, *arguments],
        cwd=ROOT,
        env={**os.environ, "HOME": str(TOOLS), **environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def objects(text: str) -> list[Object]:
    """The objects of a rendering."""
    return [document for document in yaml.safe_load_all(text) if document]


def scenario(name: str) -> list[str]:
    """The arguments that name a scenario's values."""
    return ["--values", str(CHART / "ci" / f"{name}-values.yaml")]


def template(*arguments: str, helm: str = "helm4", name: str = "ringfence") -> subprocess.CompletedProcess[str]:
    """Render the chart."""
    return run(BIN / helm, "template", name, CHART, "--namespace", NAMESPACE, *arguments)


def rendered(*arguments: str, helm: str = "helm4", name: str = "ringfence") -> str:
    """What the chart renders to."""
    done = template(*arguments, helm=helm, name=name)
    assert done.returncode == 0, done.stderr
    return done.stdout


def kustomized(folder: Path) -> str:
    """What a kustomization renders to."""
    done = run(BIN / "kubectl", "kustomize", folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def named(found: Sequence[Object], kind: str, name: str) -> Object:
    """The one object of this kind and name."""
    [one] = [each for each in found if each["kind"] == kind and each["metadata"]["name"] == name]
    return one


def of_kind(found: Sequence[Object], *kinds: str) -> list[Object]:
    """The objects of these kinds."""
    return [each for each in found if each["kind"] in kinds]
