-- Notes on a job that the provider holds its call: it is in progress under that sid. One write for a job that `p_token`
-- still has, whatever of this was noted before. The caller holds run and job, and counts a job that was not dialled
-- before into its run's cursor (`ringfence_count_dialed`).
CREATE FUNCTION ringfence_progress_job(p_job bigint, p_token uuid, p_sid text) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UPDATE outbound_call_jobs SET status = CASE WHEN status = 'dialing' THEN 'in_progress' ELSE status END,
        twilio_call_sid = p_sid, dialed = true, updated_at = clock_timestamp()
    WHERE id = p_job AND dial_lock_token = p_token;
    IF NOT FOUND THEN
        UPDATE outbound_call_jobs SET dialed = true WHERE id = p_job AND NOT dialed;
    END IF;
END $$;
