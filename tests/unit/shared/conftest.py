"""What the tests of the shared modules have in common."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog

from shared import masking


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Run in an empty folder with none of our settings in the environment."""
    from shared.settings import Settings

    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("SECRETS_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    return monkeypatch


@pytest.fixture
def configured_logs() -> Iterator[None]:
    """Put logging back as it was after a test that configured it."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    shown = warnings.showwarning
    known, values = masking._known, set(masking._known_values)
    yield
    logging.captureWarnings(capture=False)
    warnings.showwarning = shown
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    masking._known, masking._known_values = known, values


@pytest.fixture
def log_lines(configured_logs: None, capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """Return what was logged since the last look, one object a line."""
    return lambda: [orjson.loads(line) for line in capsys.readouterr().out.splitlines()]
