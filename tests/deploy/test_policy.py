"""What a policy checker has to say. What it is overruled in stands here, with the reason."""

import json
from pathlib import Path

import pytest

from tests.deploy.tools import DEPLOY, VENV, rendered, run, scenario

DIGEST = "image.digest=sha256:" + "0" * 64
OVERRULED = {
    "CKV_K8S_11": "a limit of CPU throttles an event loop that has deadlines to keep; requests share it out",
    "CKV_K8S_15": "an image is named by its digest or by a version that is never pushed twice",
}
ENDING = {
    "CKV_K8S_8": "a Job or a test ends by itself: there is no life to probe",
    "CKV_K8S_9": "a Job or a test serves nobody: there is no readiness to probe",
}


def failures(path: Path, framework: str, *arguments: str) -> list[tuple[str, str]]:
    """Each failed check with the object that it is about."""
    done = run(
        VENV / "python",
        VENV / "checkov",
        *("--file", path, "--framework", framework, "--output", "json", "--compact", "--quiet", "--skip-download"),
        *arguments,
    )
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    assert report["summary"]["passed"] > 50
    assert report["summary"]["parsing_errors"] == 0
    return [(each["check_id"], each["resource"]) for each in report["results"]["failed_checks"]]


@pytest.mark.parametrize("name", ["default", "full"])
def test_nothing_is_found_against_the_chart_but_what_is_overruled(name: str, tmp_path: Path) -> None:
    path = tmp_path / "rendered.yaml"
    path.write_text(rendered(*scenario(name), "--set", DIGEST))
    found = failures(path, "kubernetes", "--skip-check", ",".join(OVERRULED))
    assert [each for each in found if not (each[0] in ENDING and each[1].startswith(("Job.", "Pod.")))] == []


def test_nothing_is_found_against_the_image(tmp_path: Path) -> None:
    """The base is an argument, whose default names a version."""
    base = "ARG PYTHON_IMAGE="
    lines = (DEPLOY / "docker" / "Dockerfile").read_text().splitlines()
    [image] = [line.removeprefix(base) for line in lines if line.startswith(base)]
    path = tmp_path / "Dockerfile"
    path.write_text("\n".join(lines).replace("${PYTHON_IMAGE}", image))
    assert failures(path, "dockerfile") == []


def test_a_pod_that_may_do_anything_is_found(tmp_path: Path) -> None:
    path = tmp_path / "rendered.yaml"
    text = rendered(*scenario("default"), "--set", DIGEST)
    path.write_text(text.replace("allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"))
    assert "CKV_K8S_20" in {check for check, _ in failures(path, "kubernetes")}
