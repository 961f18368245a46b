-- Replaces how a call ended, and with it its job's outcome, when a better word for it comes after the end: the sid's
-- own callback after a guess, or a second terminal callback with a higher sequence number. The caller holds run, job
-- and call. The slot was freed by the first word, and the run counts the same jobs as ended.
CREATE FUNCTION ringfence_amend_end(p_call bigint, p_sid text, p_outcome text, p_code text, p_sequence integer)
RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    c record;
    v_now timestamptz := clock_timestamp();
BEGIN
    UPDATE calls SET outcome = p_outcome, error_code = p_code, sequence = p_sequence, settled_how = 'callback',
        last_heard_at = v_now, next_check_at = NULL, hangup_at = NULL
    WHERE id = p_call AND state = 'ended' RETURNING job_id, dial_token INTO c;
    UPDATE outbound_call_jobs SET
        status = CASE WHEN p_outcome IN ('answered', 'machine', 'busy', 'no_answer', 'canceled') THEN 'completed'
                      ELSE 'failed' END,
        outcome = p_outcome, error_code = p_code, error_message = NULL, twilio_call_sid = p_sid, updated_at = v_now
    WHERE id = c.job_id AND dial_lock_token = c.dial_token AND status IN ('completed', 'failed');
END $$;
