"""The roles that policies name. They cannot log in and own nothing; whoever migrates becomes a member of each."""

from __future__ import annotations

from sqlalchemy import Connection, text

ROLES = ("ringfence_api", "ringfence_platform", "ringfence_service")


def create_roles(connection: Connection) -> None:
    """Create what is missing. Roles belong to the whole server, so another database may have made them."""
    for role in ROLES:
        known = connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role})
        if not known:
            _create_unless_raced(connection, role)
        usable = connection.scalar(text("SELECT pg_has_role(current_user, :role, 'USAGE')"), {"role": role})
        if not usable:
            connection.exec_driver_sql(f"GRANT {role} TO CURRENT_USER")


def _create_unless_raced(connection: Connection, role: str) -> None:
    """Two databases of one server may be migrated at once, and roles are shared between them."""
    connection.exec_driver_sql(
        f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
    )
