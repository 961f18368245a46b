"""One file per revision, in order."""

VERSION_TABLE = "alembic_version"
