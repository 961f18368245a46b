"""The file that the image is built from, and what is sent along to the build."""

import re
from pathlib import Path

import pytest

from tests.deploy.tools import DEPLOY, ROOT, VENV, run

DOCKERFILE = DEPLOY / "docker" / "Dockerfile"
TEXT = DOCKERFILE.read_text()


def test_hadolint_has_nothing_to_say() -> None:
    done = run(VENV / "hadolint", "--failure-threshold", "style", DOCKERFILE)
    assert (done.returncode, done.stdout) == (0, "")


def test_hadolint_would_have_something_to_say(tmp_path: Path) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text("FROM python\nRUN cd /tmp && pip install twilio\n")
    assert "DL3006" in run(VENV / "hadolint", path).stdout


def test_the_image_does_not_run_as_root() -> None:
    assert re.findall(r"^USER (.*)$", TEXT, re.MULTILINE)[-1] == "10001:10001"


def test_packages_are_installed_from_the_lock_alone() -> None:
    assert "--locked" in TEXT
    assert "--require-hashes" in TEXT


@pytest.mark.parametrize("source", re.findall(r"^COPY (?!--from)(.+) \S+$", TEXT, re.MULTILINE))
def test_what_the_build_copies_is_let_through(source: str) -> None:
    """.dockerignore denies everything first."""
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert ignored[ignored.index("*") :][0] == "*"
    for path in source.split():
        assert (ROOT / path).exists()
        assert f"!{path}" in ignored
