"""Finds what each slot holds by the newest call that it was given, however many calls have passed through it."""

from __future__ import annotations

from alembic import op

from shared.migrations.script import run_script

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# A slot is taken exactly while its newest call lives. The end of that call says since when it has been free, which was
# what the other index was for.
INDEXES = """
    CREATE INDEX calls_newest_in_slot ON calls (business_id, slot_no, id) WHERE slot_no IS NOT NULL;
    DROP INDEX calls_latest_ends;
"""


def upgrade() -> None:
    """Exchange the indexes."""
    run_script(op.get_bind(), INDEXES)
