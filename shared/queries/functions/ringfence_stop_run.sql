-- Stops a run of a business at once: it is over, queued jobs are cancelled, live calls end by themselves.
CREATE FUNCTION ringfence_stop_run(p_business bigint, p_run bigint)
RETURNS TABLE (verdict text, status text, jobs_cancelled integer) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    r outbound_call_runs%ROWTYPE;
    v_jobs integer;
BEGIN
    PERFORM set_config('ringfence.business_id', p_business::text, true);
    PERFORM set_config('lock_timeout', '3s', true);  -- the statement may take long, waiting for somebody may not
    SELECT * INTO r FROM outbound_call_runs WHERE id = p_run AND business_id = p_business FOR NO KEY UPDATE;
    v_jobs := ringfence_end_run(r.id, 'stopped', 'stopped', 'cancelled', NULL);
    RETURN QUERY SELECT CASE WHEN r.id IS NULL THEN 'not_found' WHEN v_jobs IS NULL THEN 'over' ELSE 'done' END,
        CASE WHEN v_jobs IS NULL THEN r.status ELSE 'stopped' END, coalesce(v_jobs, 0);
END $$;
