"""A database that is waited for as long as it takes.

Requests give a statement five seconds and a lock one, so that nobody waits behind a sleeper. On a machine that stalls
those limits turn answers into 503; a test that is not about them does without.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shared import db

LIMITS = dict(db.LIMITS)
"""The limits as they are."""

_NONE = {"lock_timeout": "10min", "statement_timeout": "10min", "idle_in_transaction_session_timeout": "10min"}


@contextmanager
def no_limits() -> Iterator[None]:
    """Connections that are opened within the block have no limit that a slow machine could reach."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db, "LIMITS", {**db.LIMITS, **_NONE})
        patch.setattr(db, "CONNECT_SECONDS", 120.0)
        patch.setattr(db, "COMMAND_SECONDS", 600.0)
        yield


@pytest.fixture(scope="package", autouse=True)
def patient_database() -> Iterator[None]:
    """No limits for a folder that imports this."""
    with no_limits():
        yield


@pytest.fixture
def usual_limits(patient_database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits as they are, for a test that is about them."""
    monkeypatch.setattr(db, "LIMITS", LIMITS)
