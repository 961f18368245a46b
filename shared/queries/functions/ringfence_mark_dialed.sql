-- Notes that a job's create may have reached the provider: counts it into its run's cursor once. The caller holds the
-- run and the job.
CREATE FUNCTION ringfence_mark_dialed(p_run bigint, p_job bigint) RETURNS void LANGUAGE sql VOLATILE AS $$
    WITH first_time AS (
        UPDATE outbound_call_jobs SET dialed = true WHERE id = p_job AND NOT dialed RETURNING 1
    )
    UPDATE outbound_call_runs SET cursor_position = cursor_position + 1
    WHERE id = p_run AND EXISTS (SELECT 1 FROM first_time)
$$;
