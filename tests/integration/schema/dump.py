"""Everything a database holds, as values that can be compared: catalog and rows."""

from typing import Any

import asyncpg

CATALOG = """
    SELECT 'column' AS kind, format('%s.%s', c.table_name, c.column_name) AS name,
        format('%s %s %s', c.data_type, c.is_nullable, c.column_default) AS definition
    FROM information_schema.columns c WHERE c.table_schema = 'public'
    UNION ALL
    SELECT 'constraint', format('%s.%s', conrelid::regclass, conname), pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'index', indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
    WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
    UNION ALL
    SELECT 'trigger', format('%s.%s', tgrelid::regclass, tgname), pg_get_triggerdef(oid) FROM pg_trigger
    WHERE NOT tgisinternal
    UNION ALL
    SELECT 'function', oid::regprocedure::text, pg_get_functiondef(oid) FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'policy', format('%s.%s', polrelid::regclass, polname),
        format('%s %s %s %s', polcmd, polroles, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
    FROM pg_policy
    UNION ALL
    SELECT 'table', relname, format('%s %s %s %s', reloptions, relacl, relrowsecurity, relforcerowsecurity)
    FROM pg_class
    WHERE relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'sequence', sequencename, format('%s %s', last_value, data_type)
    FROM pg_sequences WHERE schemaname = 'public'
    ORDER BY 1, 2, 3
"""

TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1"


async def dump(url: str) -> dict[str, list[Any]]:
    """The catalog, and the rows of every table with the places where they lie."""
    connection = await asyncpg.connect(url)
    try:
        held: dict[str, list[Any]] = {"catalog": [tuple(row) for row in await connection.fetch(CATALOG)]}
        for table in [row["relname"] for row in await connection.fetch(TABLES)]:
            held[table] = [tuple(row) for row in await connection.fetch(f'SELECT ctid, * FROM "{table}" ORDER BY ctid')]
        return held
    finally:
        await connection.close()
