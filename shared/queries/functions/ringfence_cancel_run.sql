-- Cancels a run of a business: its queued jobs at once; it ends with the last of its live calls, or now if there is
-- none. Asking again is no error. `verdict` is not_found, over (with its status) or done; `ended` says that it ended now.
CREATE FUNCTION ringfence_cancel_run(p_business bigint, p_run bigint)
RETURNS TABLE (verdict text, status text, jobs_cancelled integer, ended boolean) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    r outbound_call_runs%ROWTYPE;
    v_jobs integer;
    v_status text;
BEGIN
    PERFORM set_config('ringfence.business_id', p_business::text, true);
    PERFORM set_config('lock_timeout', '3s', true);  -- the statement may take long, waiting for somebody may not
    SELECT * INTO r FROM outbound_call_runs WHERE id = p_run AND business_id = p_business FOR NO KEY UPDATE;
    IF r.id IS NULL THEN
        RETURN QUERY SELECT 'not_found', NULL::text, 0, false;
        RETURN;
    END IF;
    IF r.ended_at IS NOT NULL THEN
        RETURN QUERY SELECT CASE WHEN r.cancel_requested AND r.end_reason = 'cancelled' THEN 'done' ELSE 'over' END,
            r.status, 0, false;
        RETURN;
    END IF;
    UPDATE outbound_call_runs SET cancel_requested = true, updated_at = clock_timestamp() WHERE id = p_run;
    UPDATE outbound_call_jobs SET status = 'cancelled', updated_at = clock_timestamp()
    WHERE run_id = p_run AND status = 'queued';
    GET DIAGNOSTICS v_jobs = ROW_COUNT;
    v_status := ringfence_finish_run(p_run);
    RETURN QUERY SELECT 'done', coalesce(v_status, r.status), v_jobs, v_status IS NOT NULL;
END $$;
