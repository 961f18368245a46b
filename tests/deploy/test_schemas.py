"""Every rendering fits the strict schemas of every supported Kubernetes, and of the operators' resources."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.deploy.tools import DEPLOY, KUBERNETES, VENV, crd_schemas, run

SCHEMAS = DEPLOY / "tools" / "schemas.py"


def judged(path: Path, *arguments: str | Path, versions: Sequence[str] = KUBERNETES) -> list[str]:
    """What is wrong with the objects in a file."""
    done = run(VENV / "python", SCHEMAS, path, "--kubernetes", *versions, *arguments)
    assert done.returncode in (0, 1), done.stderr
    return [json.loads(line)["problem"] for line in done.stdout.splitlines()]


def test_every_object_fits_its_strict_schema(text: str, tmp_path: Path) -> None:
    path = tmp_path / "objects.yaml"
    path.write_text(text)
    crds = crd_schemas()
    custom = ("--crds", crds) if crds else ()
    assert judged(path, *custom) == []


def test_custom_resources_are_judged_too() -> None:
    """A loud skip: without the schemas nothing says whether an operator would take its resources."""
    if crd_schemas() is None:
        pytest.skip("CUSTOM RESOURCES WERE NOT JUDGED: set CRD_SCHEMAS to a folder of <group>/<kind>_<version>.json")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, imagge: b}]}}", "imagge"),
        ("{apiVersion: v1, kind: Servize, metadata: {name: a}}", "no such kind"),
        ("{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: many}]}}", "many"),
    ],
)
def test_what_is_wrong_is_found(wrong: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(wrong)
    assert any(said in problem for problem in judged(path))
