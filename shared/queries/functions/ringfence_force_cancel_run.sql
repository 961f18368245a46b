-- Ends a run of a business with every dispatcher dead: cancelled, queued jobs failed, lock cleared. With `p_hangup`
-- its live calls are marked to be hung up, at once or when their sid becomes known; the count is of those marked.
CREATE FUNCTION ringfence_force_cancel_run(p_business bigint, p_run bigint, p_hangup boolean)
RETURNS TABLE (verdict text, status text, jobs_cancelled integer, calls_hung_up integer)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    r outbound_call_runs%ROWTYPE;
    v_jobs integer;
    v_calls integer := 0;
BEGIN
    PERFORM set_config('ringfence.business_id', p_business::text, true);
    PERFORM set_config('lock_timeout', '3s', true);  -- the statement may take long, waiting for somebody may not
    SELECT * INTO r FROM outbound_call_runs WHERE id = p_run AND business_id = p_business FOR NO KEY UPDATE;
    v_jobs := ringfence_end_run(r.id, 'cancelled', 'force_cancelled', 'failed', 'not_dialed');
    IF v_jobs IS NOT NULL THEN
        UPDATE outbound_call_runs SET force_cancelled = true WHERE id = p_run;
        IF p_hangup THEN
            PERFORM 1 FROM calls WHERE business_id = p_business AND run_id = p_run AND ended_at IS NULL
            ORDER BY id FOR NO KEY UPDATE;
            UPDATE calls SET hangup_requested_at = coalesce(hangup_requested_at, clock_timestamp()),
                hangup_at = clock_timestamp()
            WHERE business_id = p_business AND run_id = p_run AND ended_at IS NULL;
            GET DIAGNOSTICS v_calls = ROW_COUNT;
        END IF;
    END IF;
    RETURN QUERY SELECT CASE WHEN r.id IS NULL THEN 'not_found' WHEN v_jobs IS NULL THEN 'over' ELSE 'done' END,
        CASE WHEN v_jobs IS NULL THEN r.status ELSE 'cancelled' END, coalesce(v_jobs, 0), v_calls;
END $$;
