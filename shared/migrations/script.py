"""Runs a text of several statements, which the driver's prepared statements cannot."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection
from sqlalchemy.util import await_only


def run_script(connection: Connection, script: str) -> None:
    """Run `script` inside the connection's transaction."""
    connection.exec_driver_sql("SELECT 1")  # the adapter opens the transaction with its first statement
    raw: Any = connection.connection.driver_connection
    await_only(raw.execute(script))
