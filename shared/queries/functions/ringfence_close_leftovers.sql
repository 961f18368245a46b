-- Mends what editing tables by hand leaves behind: queued jobs of runs that are over, and active runs without an open
-- job. Skips what somebody holds. Returns the runs that were ended, and how many jobs were closed.
CREATE FUNCTION ringfence_close_leftovers(p_limit integer) RETURNS TABLE (run_id bigint, business_id bigint, status text, jobs_closed integer)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    r record;
    v_status text;
    v_jobs integer;
BEGIN
    FOR r IN
        SELECT o.id, o.business_id, o.ended_at, o.status, o.end_reason FROM outbound_call_runs o
        WHERE o.id IN (SELECT DISTINCT j.run_id FROM outbound_call_jobs j JOIN outbound_call_runs e ON e.id = j.run_id
                       WHERE j.status = 'queued' AND e.ended_at IS NOT NULL LIMIT p_limit)
           OR (o.ended_at IS NULL AND NOT EXISTS (SELECT 1 FROM outbound_call_jobs j WHERE j.run_id = o.id
                                                  AND j.status IN ('queued', 'dialing', 'in_progress')))
        ORDER BY o.id FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        v_jobs := 0;
        v_status := NULL;
        IF r.ended_at IS NOT NULL THEN
            UPDATE outbound_call_jobs SET updated_at = clock_timestamp(),
                status = CASE WHEN r.end_reason IN ('cancelled', 'stopped') THEN 'cancelled' ELSE 'failed' END,
                outcome = CASE WHEN r.end_reason IN ('cancelled', 'stopped') THEN NULL ELSE 'not_dialed' END
            WHERE run_id = r.id AND status = 'queued';
            GET DIAGNOSTICS v_jobs = ROW_COUNT;
        ELSE
            v_status := ringfence_finish_run(r.id);
        END IF;
        IF v_jobs > 0 OR v_status IS NOT NULL THEN
            RETURN QUERY SELECT r.id, r.business_id, coalesce(v_status, r.status), v_jobs;
        END IF;
    END LOOP;
END $$;
