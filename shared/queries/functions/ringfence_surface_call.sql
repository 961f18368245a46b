-- A call of a row that is already over turns out to exist after all. Its sid is noted; unless it has ended it is hung
-- up and looked at until it has. A job that was put back and not claimed since ends for good with this call's outcome.
-- The caller holds run, job and call, and finishes the run. `p_outcome` is NULL while the call is going on. Returns
-- whether this is news.
CREATE FUNCTION ringfence_surface_call(p_call bigint, p_sid text, p_outcome text) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    c calls%ROWTYPE;
    v_news boolean;
    v_now timestamptz := clock_timestamp();
BEGIN
    SELECT * INTO c FROM calls WHERE id = p_call;
    v_news := c.surfaced_at IS NULL;
    UPDATE calls SET call_sid = p_sid, sid_is_guess = false, surfaced_at = coalesce(surfaced_at, v_now),
        last_heard_at = v_now,
        outcome = CASE WHEN state = 'abandoned' THEN coalesce(p_outcome, outcome) ELSE outcome END,
        hangup_requested_at = CASE WHEN p_outcome IS NULL THEN coalesce(hangup_requested_at, v_now)
                                   ELSE hangup_requested_at END,
        hangup_at = CASE WHEN p_outcome IS NULL AND hung_up_at IS NULL THEN coalesce(hangup_at, v_now) END,
        -- kept as the mark that it is over, so that a callback that comes late arms neither a hang-up nor a look again
        hung_up_at = CASE WHEN p_outcome IS NULL THEN hung_up_at ELSE coalesce(hung_up_at, v_now) END,
        next_check_at = CASE WHEN p_outcome IS NULL AND hung_up_at IS NULL
                                 THEN coalesce(next_check_at, v_now + interval '5 s')
                             WHEN p_outcome IS NULL THEN next_check_at END
    WHERE id = p_call;
    IF p_outcome IS NULL THEN
        UPDATE outbound_call_jobs SET status = 'in_progress', dial_lock_token = c.dial_token, twilio_call_sid = p_sid,
            updated_at = v_now
        WHERE id = c.job_id AND status = 'queued';
    ELSE
        UPDATE outbound_call_jobs SET
            status = CASE WHEN p_outcome IN ('answered', 'machine', 'busy', 'no_answer', 'canceled') THEN 'completed'
                          ELSE 'failed' END,
            outcome = p_outcome, dial_lock_token = c.dial_token, twilio_call_sid = p_sid, updated_at = v_now
        WHERE id = c.job_id AND (status = 'queued' OR (status = 'in_progress' AND dial_lock_token = c.dial_token));
    END IF;
    PERFORM ringfence_mark_dialed(c.run_id, c.job_id);
    RETURN v_news;
END $$;
