"""Lets the dispatcher's work be split: a lease for each partition, epochs that no two of them share."""

from __future__ import annotations

from alembic import op

from shared.migrations.script import run_script

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Claims are handed back by their epoch, so one that two partitions had would hand back the other's calls.
EPOCHS = """
    CREATE SEQUENCE dispatcher_epochs;
    SELECT setval('dispatcher_epochs', greatest(max(epoch), 1), coalesce(max(epoch), 0) > 0) FROM dispatcher_lease;
    GRANT ALL ON SEQUENCE dispatcher_epochs TO ringfence_service;
    ALTER TABLE dispatcher_lease ADD CONSTRAINT lease_epoch_once UNIQUE (epoch);
    ALTER TABLE dispatcher_lease ADD CONSTRAINT lease_partition_range CHECK (partition BETWEEN 0 AND 63);
"""

# The partition under which a business was claimed for last; written with each claim, so no index has it.
PARTITION_OF_A_BUSINESS = "ALTER TABLE businesses ADD COLUMN dispatch_partition integer;"


def upgrade() -> None:
    """Add the sequence, the constraints and the column."""
    run_script(op.get_bind(), EPOCHS + PARTITION_OF_A_BUSINESS)
