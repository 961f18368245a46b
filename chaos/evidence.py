"""What is kept of a run in which something was wrong: everything that tells how it came about."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import asyncpg

from chaos.stage import Stage
from stack.rundir import RUNS

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"


async def keep(stage: Stage, report: str) -> Path:
    """Copy ledger, notes and logs, and every table as CSV, into a folder of their own, and name it."""
    folder = RUNS / "chaos-evidence" / f"seed-{stage.plan.seed}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}"
    tables = folder / "tables"
    tables.mkdir(parents=True)
    (folder / "report.txt").write_text(report)
    shutil.copy(stage.ledger, folder)
    shutil.copytree(stage.notes.folder, folder / "notes")
    shutil.copytree(stage.stack.run.logs, folder / "logs")
    connection = await asyncpg.connect(stage.stack.database_url)
    try:
        for row in await connection.fetch(TABLES):
            name = row["tablename"]
            await connection.copy_from_table(name, output=tables / f"{name}.csv", format="csv", header=True)
    finally:
        await connection.close()
    return folder
