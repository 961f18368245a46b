"""The first schema, on an empty database or over the tables of an older system."""

from __future__ import annotations

from pathlib import Path

from alembic import op

from shared.migrations.legacy import bring_types_up, clean_rows
from shared.migrations.roles import create_roles
from shared.migrations.script import run_script

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

HERE = Path(__file__).parent.parent


def upgrade() -> None:
    """Build the tables, mend old rows, then add the invariants and the policies."""
    connection = op.get_bind()
    create_roles(connection)
    bring_types_up(connection)
    run_script(connection, (HERE / "schema.sql").read_text())
    clean_rows(connection)
    run_script(connection, (HERE / "constraints.sql").read_text())
    run_script(connection, (HERE / "security.sql").read_text())
