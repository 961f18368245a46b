-- Records status callbacks, several at once, one round trip. Items are {n, token, call_sid, event, rank, outcome,
-- sequence, code, fields}: `rank` is 1 before ringing, 2 ringing, 3 answered, 4 over; `outcome` goes with rank 4.
-- A rank only rises and an end is final, so order and repetition do not matter. Returns a row per item:
-- recorded, repeat, late (the row was over), surfaced (a given-up call exists), second_sid, or unknown.
CREATE FUNCTION ringfence_record_callbacks(p_items jsonb, p_grace interval) RETURNS TABLE (
    n integer, result text, call_id bigint, business_id bigint, run_id bigint, job_id bigint, released boolean,
    outcome text, was_uncertain boolean, run_ended text
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    i record;
    c calls%ROWTYPE;
    v_result text;
    v_bound text;
    v_released boolean;
    v_now timestamptz;
BEGIN
    PERFORM ringfence_lock_calls(array(
        SELECT k.id FROM jsonb_to_recordset(p_items) AS x (token uuid) JOIN calls k ON k.dial_token = x.token));
    FOR i IN SELECT x.* FROM jsonb_to_recordset(p_items) AS x (
        n integer, token uuid, call_sid text, event text, rank integer, outcome text, sequence integer, code text,
        fields jsonb) ORDER BY x.n
    LOOP
        v_now := clock_timestamp();
        v_released := false;
        SELECT * INTO c FROM calls WHERE dial_token = i.token;
        IF c.id IS NULL THEN
            RETURN QUERY SELECT i.n, 'unknown', NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, false,
                NULL::text, false, NULL::text;
            CONTINUE;
        END IF;
        INSERT INTO call_events (business_id, call_id, call_sid, event, sequence, fields)
        VALUES (c.business_id, c.id, i.call_sid, i.event, i.sequence, i.fields)
        ON CONFLICT (call_id, call_sid, event, coalesce(sequence, -1)) DO NOTHING;
        v_result := CASE WHEN FOUND THEN 'recorded' ELSE 'repeat' END;
        v_bound := ringfence_learn_sid(c.id, i.call_sid);
        IF v_bound = 'second' THEN
            IF ringfence_second_sid(c.id, i.call_sid, i.rank = 4) THEN
                v_result := 'second_sid';
            END IF;
        ELSIF c.ended_at IS NULL THEN
            UPDATE calls SET
                state = CASE WHEN i.rank = 3 THEN 'answered'
                             WHEN i.rank = 2 AND state <> 'answered' THEN 'ringing'
                             WHEN state IN ('dialing', 'uncertain') THEN 'accepted' ELSE state END,
                accepted_at = coalesce(accepted_at, v_now),
                answered_at = CASE WHEN i.rank = 3 THEN coalesce(answered_at, v_now)
                                   WHEN i.outcome IN ('answered', 'machine') THEN coalesce(answered_at, v_now)
                                   ELSE answered_at END,
                last_heard_at = v_now, checks = 0, next_check_at = v_now + p_grace,
                sequence = greatest(sequence, i.sequence)
            WHERE id = c.id;
            UPDATE outbound_call_jobs SET status = CASE WHEN status = 'dialing' THEN 'in_progress' ELSE status END,
                twilio_call_sid = i.call_sid, updated_at = v_now
            WHERE id = c.job_id AND dial_lock_token = c.dial_token;
            PERFORM ringfence_mark_dialed(c.run_id, c.job_id);
            IF i.rank = 4 THEN
                PERFORM ringfence_close_call(c.id, 'ended', i.outcome, i.code, NULL, 'callback');
                v_released := true;
            END IF;
        ELSIF c.state = 'abandoned' OR c.call_sid IS NULL THEN
            IF ringfence_surface_call(c.id, i.call_sid, i.outcome) THEN
                v_result := 'surfaced';
            END IF;
        ELSIF i.rank = 4 AND c.sid_is_guess AND v_bound = 'bound' THEN
            -- the row was ended on a guess; the call that carries the token says how it really ended
            UPDATE calls SET outcome = i.outcome, last_heard_at = v_now WHERE id = c.id;
            UPDATE outbound_call_jobs SET outcome = i.outcome, twilio_call_sid = i.call_sid, updated_at = v_now,
                status = CASE WHEN i.outcome = 'failed' THEN 'failed' ELSE 'completed' END
            WHERE id = c.job_id AND dial_lock_token = c.dial_token;
        ELSIF v_result = 'recorded' THEN
            v_result := 'late';
        END IF;
        RETURN QUERY SELECT i.n, v_result, c.id, c.business_id, c.run_id, c.job_id, v_released, i.outcome,
            c.state = 'uncertain', ringfence_finish_run(c.run_id);
    END LOOP;
END $$;
