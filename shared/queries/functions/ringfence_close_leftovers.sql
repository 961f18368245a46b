-- Mends what editing tables by hand leaves behind: queued jobs of runs that are over, at once, and active runs without
-- an open job, once they have not changed for five minutes: before that they are left to whoever edits and reconciles,
-- and a running one that nobody beats is left to the correction of stale runs. Skips what somebody holds, and leaves
-- the rest to the next call after two seconds. Returns the runs that were ended (`jobs_closed` 0), and those whose jobs
-- were closed.
CREATE FUNCTION ringfence_close_leftovers(p_limit integer) RETURNS TABLE (run_id bigint, business_id bigint, status text, jobs_closed integer)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    r record;
    v_status text;
    v_jobs integer;
BEGIN
    FOR r IN
        WITH RECURSIVE waiting (run_id) AS (  -- each run with a queued job once, however many jobs it has
            (SELECT j.run_id FROM outbound_call_jobs j WHERE j.status = 'queued' ORDER BY j.run_id LIMIT 1)
            UNION ALL
            SELECT (SELECT j.run_id FROM outbound_call_jobs j WHERE j.status = 'queued' AND j.run_id > w.run_id
                    ORDER BY j.run_id LIMIT 1)
            FROM waiting w WHERE w.run_id IS NOT NULL
        ), left_over AS (
            SELECT e.id FROM waiting w JOIN outbound_call_runs e ON e.id = w.run_id WHERE e.ended_at IS NOT NULL
            UNION ALL
            SELECT e.id FROM outbound_call_runs e
            WHERE e.ended_at IS NULL AND NOT EXISTS (SELECT 1 FROM outbound_call_jobs j WHERE j.run_id = e.id
                                                     AND j.status IN ('queued', 'dialing', 'in_progress'))
              AND e.updated_at < clock_timestamp() - interval '5 min'
              AND NOT (e.status = 'running' AND e.nudged_at IS NOT NULL)
        )
        SELECT o.id, o.business_id, o.ended_at, o.status, coalesce(o.end_reason, o.status) AS reason
        FROM outbound_call_runs o WHERE o.id IN (SELECT l.id FROM left_over l ORDER BY l.id LIMIT p_limit)
        ORDER BY o.id FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        v_jobs := 0;
        v_status := NULL;
        IF r.ended_at IS NOT NULL THEN
            UPDATE outbound_call_jobs SET updated_at = clock_timestamp(),
                status = CASE WHEN r.reason IN ('cancelled', 'stopped') THEN 'cancelled' ELSE 'failed' END,
                outcome = CASE WHEN r.reason IN ('cancelled', 'stopped') THEN NULL ELSE 'not_dialed' END
            WHERE run_id = r.id AND status = 'queued';
            GET DIAGNOSTICS v_jobs = ROW_COUNT;
        ELSE
            v_status := ringfence_finish_run(r.id);
        END IF;
        IF v_jobs > 0 OR v_status IS NOT NULL THEN
            RETURN QUERY SELECT r.id, r.business_id, coalesce(v_status, r.status), v_jobs;
        END IF;
        EXIT WHEN clock_timestamp() > statement_timestamp() + interval '2 s';
    END LOOP;
END $$;
