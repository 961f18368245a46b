-- Who shares `p_partitions` partitions, for one of them that asks on the connection its leases are bound to: the
-- connections of all that are alive (theirs are named like ours up to the ordinal, and were used within `p_silence`)
-- in the order of their ordinals, which of them is ours, and the partitions whose leases are free. Changes nothing.
CREATE FUNCTION ringfence_roster(p_partitions integer, p_silence interval) RETURNS TABLE (
    members integer[], me integer, free integer[]
) LANGUAGE sql VOLATILE AS $$
    WITH connected AS MATERIALIZED (
        SELECT a.pid, a.backend_start, a.state_change, a.datid, a.usesysid,
            substring(a.application_name from '^(.* )[^ ]*$') AS circle,
            substring(a.application_name from ' ([0-9]{1,9})$')::integer AS ordinal  -- of anybody's: no number is too large
        FROM pg_stat_activity a
    ), alive AS (
        SELECT c.* FROM connected c JOIN connected own USING (datid, usesysid, circle)
        WHERE own.pid = pg_backend_pid() AND (c.pid = own.pid OR c.state_change > clock_timestamp() - p_silence)
    )
    SELECT (SELECT array_agg(pid ORDER BY ordinal NULLS LAST, backend_start, pid) FROM alive), pg_backend_pid(),
        (SELECT coalesce(array_agg(p ORDER BY p), '{}') FROM generate_series(0, p_partitions - 1) p
         WHERE NOT EXISTS (SELECT 1 FROM dispatcher_lease l
                           WHERE l.partition = p AND NOT ringfence_lease_is_free(l, p_silence)))
$$;
