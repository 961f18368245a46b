-- Notes on a job that the provider holds its call: it is in progress under that sid, and counted into its run's cursor
-- once. One write for a job that `p_token` still has, whatever of this was noted before. The caller holds run and job.
CREATE FUNCTION ringfence_progress_job(p_run bigint, p_job bigint, p_token uuid, p_sid text) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_dialed boolean;
BEGIN
    SELECT dialed INTO v_dialed FROM outbound_call_jobs WHERE id = p_job;
    UPDATE outbound_call_jobs SET status = CASE WHEN status = 'dialing' THEN 'in_progress' ELSE status END,
        twilio_call_sid = p_sid, dialed = true, updated_at = clock_timestamp()
    WHERE id = p_job AND dial_lock_token = p_token;
    IF NOT FOUND THEN
        PERFORM ringfence_mark_dialed(p_run, p_job);
    ELSIF NOT v_dialed THEN
        UPDATE outbound_call_runs SET cursor_position = cursor_position + 1 WHERE id = p_run;
    END IF;
END $$;
