-- Notes that a job's create may have reached the provider: counts it into its run's cursor once. The caller holds the
-- run and the job.
CREATE FUNCTION ringfence_mark_dialed(p_run bigint, p_job bigint) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UPDATE outbound_call_jobs SET dialed = true WHERE id = p_job AND NOT dialed;
    IF FOUND THEN
        UPDATE outbound_call_runs SET cursor_position = cursor_position + 1 WHERE id = p_run;
    END IF;
END $$;
