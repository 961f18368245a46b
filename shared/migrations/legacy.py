"""Mends the tables of an older system: on an empty or a mended database every statement here changes nothing.

Its rules, defaults and indexes go: one of its own, such as one active run a business, would refuse our rows. Ids get
numbers where they lack them and columns our types; text that is no number or token becomes NULL. What is kept: of
doubled jobs the oldest, every run that belongs to somebody. What is removed is counted in the log. A job that was
being dialled when the old system stopped has no call row, so its fate is unknown: it ends as `uncertain` and is never
rung again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, text

from shared.logs import logger

RUNS, JOBS = "outbound_call_runs", "outbound_call_jobs"

TYPES: dict[str, dict[str, str]] = {
    RUNS: {
        "id": "bigint", "business_id": "bigint", "name": "text", "status": "text", "total_leads": "integer",
        "cursor_position": "integer", "cancel_requested": "boolean", "on_uncertain": "text",
        "created_by_user_id": "text", "created_at": "timestamptz", "started_at": "timestamptz",
        "ended_at": "timestamptz", "updated_at": "timestamptz", "locked_by_worker": "text", "lock_ts": "timestamptz",
        "last_heartbeat_at": "timestamptz", "nudged_at": "timestamptz", "end_reason": "text",
    },
    JOBS: {
        "id": "bigint", "business_id": "bigint", "run_id": "bigint", "lead_id": "bigint", "status": "text",
        "outcome": "text", "attempts": "integer", "dial_lock_token": "uuid", "twilio_call_sid": "text",
        "error_code": "text", "error_message": "text", "created_at": "timestamptz", "updated_at": "timestamptz",
    },
}  # fmt: skip

_SPELLING = {"timestamptz": "timestamp with time zone"}
_WORDS = ("text", "character varying", "character", "USER-DEFINED")
_NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision")
_UUID = "^[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}$"
_DIGITS = {"bigint": 18, "integer": 9}

_FIND_COLUMNS = text("""
    SELECT column_name, data_type, is_nullable, column_default, is_identity
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name = :table ORDER BY ordinal_position
""")

# Foreign keys first: they lean on the keys that follow. A primary key on the id alone is as good as ours.
_FIND_RULES = text("""
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname)
    FROM pg_constraint c
    WHERE c.conrelid IN (to_regclass('outbound_call_runs'), to_regclass('outbound_call_jobs'))
      AND (c.contype IN ('c', 'f', 'u', 'x')
           OR c.contype = 'p' AND c.conkey <> array(SELECT a.attnum FROM pg_attribute a
                                                    WHERE a.attrelid = c.conrelid AND a.attname = 'id'))
    ORDER BY c.contype <> 'f', c.conname
""")

_FIND_INDEXES = text("""
    SELECT format('DROP INDEX %s', i.indexrelid::regclass) FROM pg_index i
    WHERE i.indrelid IN (to_regclass('outbound_call_runs'), to_regclass('outbound_call_jobs')) AND NOT i.indisprimary
""")

CLEANING: tuple[tuple[str, str], ...] = tuple(
    (what.strip(), statement)
    for what, statement in (
        part.split("\n", 1) for part in (Path(__file__).parent / "legacy.sql").read_text().split("-- step: ")[1:]
    )
)


def bring_types_up(connection: Connection) -> None:
    """Drop the rules of older tables, and give their columns the types of ours; our rules come later."""
    for found in (_FIND_RULES, _FIND_INDEXES):
        for statement in connection.scalars(found).all():
            connection.exec_driver_sql(statement)
    for table, wanted in TYPES.items():
        columns = connection.execute(_FIND_COLUMNS, {"table": table}).all()
        for column in columns:
            _adapt(connection, table, column, wanted.get(column.column_name))
        if columns:
            _number_ids(connection, table)


def _adapt(connection: Connection, table: str, column: Row[Any], wanted: str | None) -> None:
    name = column.column_name
    alter = f'ALTER TABLE {table} ALTER COLUMN "{name}"'
    ours, is_id = wanted is not None, name == "id"
    if ours and column.column_default and not is_id:
        connection.exec_driver_sql(f"{alter} DROP DEFAULT")
    if column.is_nullable == "NO" and not is_id and column.is_identity == "NO" and (ours or not column.column_default):
        connection.exec_driver_sql(f"{alter} DROP NOT NULL")
    if wanted is not None and column.data_type != _SPELLING.get(wanted, wanted):
        connection.exec_driver_sql(f"{alter} TYPE {wanted} USING {_cast(name, column.data_type, wanted)}")


def _cast(name: str, kind: str, wanted: str) -> str:
    """The expression that reads an older column as a value of ours."""
    value = f'"{name}"'
    words = f"btrim({value}::text)"
    match wanted:
        case "timestamptz" if kind == "timestamp without time zone":
            return f"{value} AT TIME ZONE 'UTC'"
        case "timestamptz" if kind in _NUMBERS:
            return f"to_timestamp({value}::double precision)"
        case "timestamptz":
            return f"nullif({words}, '')::timestamptz"
        case "uuid":
            return f"CASE WHEN {words} ~ '{_UUID}' THEN {words}::uuid END"
        case "boolean":
            return f"lower({words}) IN ('t', 'true', 'y', 'yes', 'on', '1')"
        case "bigint" | "integer" if kind in _WORDS:
            return f"CASE WHEN {words} ~ '^-?[0-9]{{1,{_DIGITS[wanted]}}}$' THEN {words}::{wanted} END"
        case "bigint" | "integer" if kind in _NUMBERS:
            return f"{value}::{wanted}"
    return f"{value}::text::{wanted}"


def _number_ids(connection: Connection, table: str) -> None:
    """Make the id a key that numbers itself, past every number in use."""
    connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS id bigint")
    renumbered = connection.exec_driver_sql(_RENUMBER.format(table=table)).rowcount
    if renumbered > 0:
        logger().info("CLEANUP", action=f"{table}_renumbered", rows=renumbered)
    connection.exec_driver_sql(f"ALTER TABLE {table} ALTER COLUMN id SET NOT NULL")
    if not connection.scalar(_SERIAL, {"table": table}):
        connection.exec_driver_sql(f"ALTER TABLE {table} ALTER COLUMN id DROP DEFAULT")
        connection.exec_driver_sql(f"ALTER TABLE {table} ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY")
    _advance_numbers(connection, table)
    if not connection.scalar(_KEYED, {"table": table}):
        connection.exec_driver_sql(f"ALTER TABLE {table} ADD PRIMARY KEY (id)")


_SERIAL = text("SELECT pg_get_serial_sequence(:table, 'id')")
_KEYED = text("SELECT 1 FROM pg_constraint WHERE conrelid = to_regclass(:table) AND contype = 'p'")

# Rows without a number, and all but the first of those that share one.
_RENUMBER = """
    UPDATE {table} t SET id = d.highest + d.n
    FROM (SELECT x.place, x.highest, row_number() OVER (ORDER BY x.place) AS n
          FROM (SELECT ctid AS place, id, row_number() OVER (PARTITION BY id ORDER BY ctid) AS nth,
                    coalesce(max(id) OVER (), 0) AS highest FROM {table}) x
          WHERE x.id IS NULL OR x.nth > 1) d
    WHERE t.ctid = d.place
"""


def _advance_numbers(connection: Connection, table: str) -> None:
    """Let new rows get numbers above every one in use; rows written with their ids do not move the sequence."""
    connection.exec_driver_sql(
        f"SELECT setval(s.name, greatest(nextval(s.name), (SELECT coalesce(max(id), 0) + 1 FROM {table})), false)"  # noqa: S608
        f" FROM (SELECT pg_get_serial_sequence('{table}', 'id')::regclass AS name) s"
    )


def clean_rows(connection: Connection) -> None:
    """Run every step of legacy.sql in order, and log those that changed something."""
    for what, statement in CLEANING:
        changed = connection.exec_driver_sql(statement).rowcount
        if changed > 0:
            logger().info("CLEANUP", action=what, rows=changed)
    _advance_numbers(connection, "businesses")
