-- Counts jobs that were dialled for the first time into the cursors of their runs, each run's at once: `p_runs` names a
-- run once for each such job. The caller holds the runs.
CREATE FUNCTION ringfence_count_dialed(p_runs bigint[]) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF cardinality(p_runs) > 0 THEN
        UPDATE outbound_call_runs r SET cursor_position = r.cursor_position + x.jobs
        FROM (SELECT u.id, count(*) AS jobs FROM unnest(p_runs) u (id) GROUP BY u.id) x WHERE r.id = x.id;
    END IF;
END $$;
