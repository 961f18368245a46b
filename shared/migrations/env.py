"""Alembic's entry point: the connection and its transaction come from `upgrade`."""

from alembic import context

from shared.migrations.versions import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    version_table=VERSION_TABLE,
    transaction_per_migration=False,
)
context.run_migrations()
