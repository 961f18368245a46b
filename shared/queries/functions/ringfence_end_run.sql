-- Ends an active run at once, whatever is open: queued jobs take the status and outcome given, live calls go on until
-- they end by themselves. The caller holds the run. Returns how many jobs were taken out of the queue, or NULL when
-- the run was over already.
CREATE FUNCTION ringfence_end_run(
    p_run bigint, p_status text, p_reason text, p_job_status text, p_job_outcome text
) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_jobs integer;
    v_now timestamptz := clock_timestamp();
BEGIN
    UPDATE outbound_call_runs SET status = p_status, end_reason = p_reason, ended_at = v_now, updated_at = v_now,
        locked_by_worker = NULL, lock_ts = NULL, last_heartbeat_at = NULL, nudged_at = NULL, last_nudge_at = NULL
    WHERE id = p_run AND ended_at IS NULL;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    UPDATE outbound_call_jobs SET status = p_job_status, outcome = p_job_outcome, updated_at = v_now
    WHERE run_id = p_run AND status = 'queued';
    GET DIAGNOSTICS v_jobs = ROW_COUNT;
    RETURN v_jobs;
END $$;
