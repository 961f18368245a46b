-- Ends a live call and its job with an outcome. `abandoned` instead of `ended` means that the provider never said so:
-- the attempt was given up, and its job ends as `uncertain`. The caller holds run, job and call.
CREATE FUNCTION ringfence_close_call(
    p_call bigint, p_state text, p_outcome text, p_code text, p_message text, p_how text
) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    c record;
    v_now timestamptz := clock_timestamp();
BEGIN
    UPDATE calls SET state = p_state, outcome = p_outcome, error_code = coalesce(p_code, error_code), ended_at = v_now,
        settled_how = p_how, next_check_at = NULL, hangup_at = NULL
    WHERE id = p_call AND ended_at IS NULL RETURNING run_id, job_id, dial_token, call_sid INTO c;
    IF c.job_id IS NULL THEN
        RETURN;
    END IF;
    UPDATE outbound_call_jobs SET
        status = CASE WHEN p_outcome IN ('answered', 'machine', 'busy', 'no_answer', 'canceled') THEN 'completed'
                      ELSE 'failed' END,
        outcome = p_outcome, error_code = p_code, error_message = p_message, updated_at = v_now,
        twilio_call_sid = coalesce(c.call_sid, twilio_call_sid)
    WHERE id = c.job_id AND dial_lock_token = c.dial_token AND status IN ('dialing', 'in_progress');
    PERFORM ringfence_mark_dialed(c.run_id, c.job_id);
END $$;
