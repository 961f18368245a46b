-- Applies what a look at the provider found to a call, by id and token. `p_finding`:
--   absent   a successful list showed no candidate; the second such, at least `p_settle_after` after the first and
--            `p_absent_after` past deadline + dial_timeout, gives the attempt up
--   several  a list showed more than one candidate: no decision, and what an earlier list denied counts no more
--   guess    a list showed exactly one candidate; its sid may give the outcome and yields to a certain one
--   status   a fetch of the call's own sid; with an outcome it ends the call
--   nothing  the provider did not say
--   expired  the longest life is over: the slot is freed whatever the provider says
--   hand     an operator gave it up
-- `p_looked_at` is the database's time just before the look. A look that ends nothing sets the time of the next one:
-- `p_settle_after` for a call without a certain sid, else pauses that double from `p_grace` to 15 minutes. `result` is
-- NULL where nothing changed; `job_status` says where a job went whose attempt was given up; `known_state` and
-- `known_outcome` are what the row said before.
CREATE FUNCTION ringfence_settle(
    p_call bigint, p_token uuid, p_finding text, p_sid text, p_rank integer, p_outcome text, p_looked_at timestamptz,
    p_settle_after interval, p_absent_after interval, p_grace interval DEFAULT NULL
) RETURNS TABLE (
    result text, business_id bigint, run_id bigint, job_id bigint, call_sid text, released boolean, outcome text,
    run_ended text, job_status text, known_state text, known_outcome text
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    c calls%ROWTYPE;
    v_result text;
    v_status text;
BEGIN
    PERFORM ringfence_lock_calls(ARRAY[p_call]);
    SELECT * INTO c FROM calls WHERE id = p_call AND dial_token = p_token;
    IF c.id IS NULL THEN
        RETURN;
    END IF;
    IF p_finding = 'expired' AND c.expires_at <= clock_timestamp() THEN
        IF c.ended_at IS NULL THEN
            PERFORM ringfence_close_call(c.id, 'abandoned', 'uncertain', NULL, NULL, 'expired');
            v_result := 'expired';
        ELSE
            UPDATE calls SET next_check_at = NULL, hangup_at = NULL WHERE id = c.id;
            UPDATE outbound_call_jobs SET status = 'failed', outcome = 'uncertain', updated_at = clock_timestamp()
            WHERE id = c.job_id AND dial_lock_token = c.dial_token AND status = 'in_progress';
        END IF;
    ELSIF p_finding = 'hand' THEN
        IF c.state = 'uncertain' OR (c.state = 'dialing' AND c.deadline + c.dial_timeout < clock_timestamp()) THEN
            PERFORM ringfence_close_call(c.id, 'abandoned', 'uncertain', NULL, NULL, 'hand');
            v_result := 'hand';
        END IF;
    ELSIF p_finding = 'absent' AND c.state = 'uncertain' AND c.call_sid IS NULL THEN
        IF c.denied_at IS NULL THEN
            -- the time after this look, so that whatever the next one costs it lies far enough behind it
            UPDATE calls SET denied_at = clock_timestamp() WHERE id = c.id;
        ELSIF p_looked_at >= c.denied_at + p_settle_after
              AND p_looked_at >= c.deadline + c.dial_timeout + p_absent_after THEN
            v_status := ringfence_return_job(c.id, true, 'absent');
            v_result := 'absent';
        END IF;
    ELSIF p_finding = 'several' AND c.state = 'uncertain' THEN
        UPDATE calls SET denied_at = NULL WHERE id = c.id;
    ELSIF p_finding = 'guess' AND c.state = 'uncertain' THEN
        IF c.call_sid IS NULL AND NOT EXISTS (SELECT 1 FROM calls o WHERE o.call_sid = p_sid) THEN
            UPDATE calls SET call_sid = p_sid, sid_is_guess = true, denied_at = NULL WHERE id = c.id;
            c.call_sid := p_sid;
            c.sid_is_guess := true;
            v_result := 'guessed';
        END IF;
        IF c.call_sid = p_sid AND c.sid_is_guess AND p_outcome IS NOT NULL THEN
            PERFORM ringfence_close_call(c.id, 'ended', p_outcome, NULL, NULL, 'list');
            v_result := 'list';
        END IF;
    ELSIF p_finding = 'status' AND c.call_sid = p_sid THEN
        IF c.ended_at IS NULL AND p_outcome IS NOT NULL THEN
            v_result := CASE WHEN c.sid_is_guess THEN 'list' ELSE 'fetch' END;
            PERFORM ringfence_close_call(c.id, 'ended', p_outcome, NULL, NULL, v_result);
        ELSIF c.ended_at IS NULL AND NOT c.sid_is_guess THEN
            UPDATE calls SET
                state = CASE WHEN p_rank = 3 THEN 'answered' WHEN p_rank = 2 AND state = 'accepted' THEN 'ringing' ELSE state END,
                answered_at = CASE WHEN p_rank = 3 THEN coalesce(answered_at, clock_timestamp()) ELSE answered_at END
            WHERE id = c.id;
        ELSIF p_outcome IS NOT NULL AND c.surfaced_at IS NOT NULL AND c.next_check_at IS NOT NULL THEN
            PERFORM ringfence_surface_call(c.id, p_sid, p_outcome);
            IF c.settled_how = 'list' THEN  -- the guess that had ended it was another call
                PERFORM ringfence_amend_end(c.id, p_sid, p_outcome, NULL, NULL);
                UPDATE calls SET settled_how = 'fetch' WHERE id = c.id;
            END IF;
            v_result := 'fetch';
        END IF;
    END IF;
    IF p_finding NOT IN ('expired', 'hand') THEN
        UPDATE calls SET next_check_at = least(expires_at, clock_timestamp() + CASE
            WHEN call_sid IS NULL OR sid_is_guess THEN p_settle_after
            ELSE least(CASE WHEN hung_up_at IS NULL THEN p_grace ELSE least(p_grace, p_settle_after) END
                       * 2 ^ least(greatest(checks - 1, 0), 10), greatest(p_grace, interval '15 min')) END)
        WHERE id = c.id AND next_check_at IS NOT NULL;
    END IF;
    RETURN QUERY SELECT v_result, c.business_id, c.run_id, c.job_id, c.call_sid,
        c.ended_at IS NULL AND v_result IN ('expired', 'hand', 'absent', 'list', 'fetch'),
        CASE WHEN v_result IN ('expired', 'hand') OR v_status = 'failed' THEN 'uncertain'
             WHEN v_result IN ('list', 'fetch') THEN p_outcome END,
        ringfence_finish_run(c.run_id), v_status, c.state, c.outcome;
END $$;
