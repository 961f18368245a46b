-- Ends the running runs that are stale: still quiet, and with an unanswered nudge older than `p_stale_after` less
-- `p_nudge_after`. The one predicate for it, for the reaper (every business, NULL) and the API (one). Runs may have
-- very many jobs: after two seconds the rest is left to the next call.
CREATE FUNCTION ringfence_correct_stale(p_business bigint, p_nudge_after interval, p_stale_after interval)
RETURNS TABLE (run_id bigint, business_id bigint, last_heartbeat_at timestamptz, status text, jobs_failed integer)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    r record;
    v_status text;
    v_jobs integer;
BEGIN
    IF p_business IS NOT NULL THEN
        PERFORM set_config('ringfence.business_id', p_business::text, true);
    END IF;
    FOR r IN
        SELECT o.*, coalesce(o.last_heartbeat_at, o.lock_ts, o.updated_at, o.created_at) AS quiet_since
        FROM outbound_call_runs o
        WHERE o.ended_at IS NULL AND o.status = 'running' AND (p_business IS NULL OR o.business_id = p_business)
          AND coalesce(o.last_heartbeat_at, o.lock_ts, o.updated_at, o.created_at) < clock_timestamp() - p_nudge_after
          AND o.nudged_at < clock_timestamp() - (p_stale_after - p_nudge_after)
        ORDER BY o.id FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        v_status := CASE
            WHEN NOT EXISTS (SELECT 1 FROM outbound_call_jobs j WHERE j.run_id = r.id
                             AND j.status IN ('queued', 'dialing', 'in_progress')) THEN 'completed'
            WHEN r.cancel_requested THEN 'cancelled' ELSE 'stopped' END;
        v_jobs := ringfence_end_run(r.id, v_status, 'stale', 'failed', 'not_dialed');
        RETURN QUERY SELECT r.id, r.business_id, r.quiet_since, v_status, v_jobs;
        EXIT WHEN clock_timestamp() > statement_timestamp() + interval '2 s';
    END LOOP;
END $$;
