-- Ends a live call and its job with an outcome. `abandoned` instead of `ended` means that the provider never said so:
-- the attempt was given up, and its job ends as `uncertain`. With `p_sid` the provider itself says so of a certain sid,
-- in a callback with this sequence number. The caller holds run, job and call. Each row is written once: a row that one
-- transaction writes twice has its foreign keys looked up for the second time as well.
CREATE FUNCTION ringfence_close_call(
    p_call bigint, p_state text, p_outcome text, p_code text, p_message text, p_how text, p_sid text DEFAULT NULL,
    p_sequence integer DEFAULT NULL
) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    c record;
    v_dialed boolean;
    v_now timestamptz := clock_timestamp();
BEGIN
    UPDATE calls SET state = p_state, outcome = p_outcome, ended_at = v_now, settled_how = p_how, next_check_at = NULL,
        hangup_at = NULL,
        -- what was noted of an uncertain call is why it was unsure
        error_code = coalesce(p_code, CASE WHEN p_sid IS NULL OR state <> 'uncertain' THEN error_code END),
        call_sid = coalesce(p_sid, call_sid), sid_is_guess = p_sid IS NULL AND sid_is_guess,
        denied_at = CASE WHEN p_sid IS NULL THEN denied_at END,
        accepted_at = CASE WHEN p_sid IS NULL THEN accepted_at ELSE coalesce(accepted_at, v_now) END,
        answered_at = CASE WHEN p_sid IS NOT NULL AND p_outcome IN ('answered', 'machine') THEN coalesce(answered_at, v_now)
                           ELSE answered_at END,
        last_heard_at = CASE WHEN p_sid IS NULL THEN last_heard_at ELSE v_now END,
        checks = CASE WHEN p_sid IS NULL THEN checks ELSE 0 END,
        sequence = CASE WHEN p_sid IS NULL THEN sequence ELSE p_sequence END
    WHERE id = p_call AND state NOT IN ('ended', 'abandoned') RETURNING run_id, job_id, dial_token, call_sid INTO c;
    IF c.job_id IS NULL THEN
        RETURN;
    END IF;
    SELECT dialed INTO v_dialed FROM outbound_call_jobs WHERE id = c.job_id;
    UPDATE outbound_call_jobs SET
        status = CASE WHEN p_outcome IN ('answered', 'machine', 'busy', 'no_answer', 'canceled') THEN 'completed'
                      ELSE 'failed' END,
        outcome = p_outcome, error_code = p_code, error_message = p_message, updated_at = v_now, dialed = true,
        twilio_call_sid = coalesce(c.call_sid, twilio_call_sid)
    WHERE id = c.job_id AND dial_lock_token = c.dial_token AND status NOT IN ('queued', 'completed', 'failed', 'cancelled');
    IF NOT FOUND THEN
        PERFORM ringfence_mark_dialed(c.run_id, c.job_id);
    ELSIF NOT v_dialed THEN
        UPDATE outbound_call_runs SET cursor_position = cursor_position + 1 WHERE id = c.run_id;
    END IF;
END $$;
