-- Records status callbacks, several at once, one round trip. Items are {n, token, call_sid, event, rank, outcome,
-- sequence, code, fields}: `rank` is 1 before ringing, 2 ringing, 3 answered, 4 over; `outcome` goes with rank 4.
-- A rank only rises and an end is final, so order and repetition do not matter. Without `p_wait` an item whose run,
-- job or call somebody else holds comes back as `busy`, so that one held run delays no other. Returns a row per item:
--   recorded     and perhaps `released` (a slot is free) or `ended` (the call has come to its outcome)
--   repeat       recorded before
--   late         the call was over, and this adds nothing
--   other_end    the call was over with another outcome; `outcome` is the one that stands, by sequence number
--   amended      the call was over by a guess; this is how it really ended
--   surfaced     a call exists that had been given up
--   second_sid   the provider made a second call for this token
--   foreign_sid  the sid is another token's: only the event is kept
--   busy, unknown
-- `known_sid`, `known_state` and `known_outcome` are what the row said before; `sid_of` is the call whose the sid is already.
CREATE FUNCTION ringfence_record_callbacks(p_items jsonb, p_grace interval, p_wait boolean) RETURNS TABLE (
    n integer, result text, call_id bigint, business_id bigint, run_id bigint, job_id bigint, released boolean,
    ended boolean, outcome text, was_uncertain boolean, run_ended text, known_sid text, known_state text,
    known_outcome text, sid_of bigint
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    i record;
    c calls%ROWTYPE;
    v_held bigint[];
    v_result text;
    v_bound text;
    v_released boolean;
    v_ended boolean;
    v_outcome text;
    v_now timestamptz;
BEGIN
    v_held := ringfence_lock_calls(array(
        SELECT k.id FROM jsonb_to_recordset(p_items) AS x (token uuid) JOIN calls k ON k.dial_token = x.token), p_wait);
    FOR i IN SELECT x.* FROM jsonb_to_recordset(p_items) AS x (
        n integer, token uuid, call_sid text, event text, rank integer, outcome text, sequence integer, code text,
        fields jsonb) ORDER BY x.n
    LOOP
        v_now := clock_timestamp();
        v_result := 'recorded';
        v_released := false;
        v_ended := false;
        v_outcome := i.outcome;
        SELECT * INTO c FROM calls WHERE dial_token = i.token;
        IF c.id IS NULL THEN
            v_result := 'unknown';
        ELSIF NOT c.id = ANY (v_held) THEN
            v_result := 'busy';
        ELSE
            INSERT INTO call_events (business_id, call_id, call_sid, event, sequence, fields)
            VALUES (c.business_id, c.id, i.call_sid, i.event, i.sequence, i.fields)
            ON CONFLICT (call_id, call_sid, event, coalesce(sequence, -1)) DO NOTHING;
            IF NOT FOUND THEN
                v_result := 'repeat';
            END IF;
        END IF;
        IF v_result <> 'recorded' THEN
            RETURN QUERY SELECT i.n, v_result, c.id, c.business_id, c.run_id, c.job_id, false, false, c.outcome, false,
                NULL::text, c.call_sid, c.state, c.outcome, NULL::bigint;
            CONTINUE;
        END IF;
        v_bound := ringfence_learn_sid(c.id, i.call_sid);
        IF v_bound = 'foreign' THEN
            v_result := 'foreign_sid';
        ELSIF v_bound = 'second' THEN
            v_outcome := 'duplicate';
            IF ringfence_second_sid(c.id, i.call_sid, i.rank = 4) THEN
                v_result := 'second_sid';
                v_ended := true;
            END IF;
        ELSIF c.ended_at IS NULL THEN
            UPDATE calls SET
                state = CASE WHEN i.rank = 3 THEN 'answered'
                             WHEN i.rank = 2 AND state <> 'answered' THEN 'ringing'
                             WHEN state IN ('dialing', 'uncertain') THEN 'accepted' ELSE state END,
                accepted_at = coalesce(accepted_at, v_now),
                answered_at = CASE WHEN i.rank = 3 OR i.outcome IN ('answered', 'machine')
                                   THEN coalesce(answered_at, v_now) ELSE answered_at END,
                error_code = CASE WHEN state = 'uncertain' THEN NULL ELSE error_code END,  -- why it was unsure
                last_heard_at = v_now, checks = 0, next_check_at = v_now + p_grace,
                sequence = CASE WHEN i.rank = 4 THEN i.sequence ELSE greatest(sequence, i.sequence) END
            WHERE id = c.id;
            UPDATE outbound_call_jobs SET status = CASE WHEN status = 'dialing' THEN 'in_progress' ELSE status END,
                twilio_call_sid = i.call_sid, updated_at = v_now
            WHERE id = c.job_id AND dial_lock_token = c.dial_token
              AND (status = 'dialing' OR twilio_call_sid IS DISTINCT FROM i.call_sid);
            IF i.rank = 4 THEN
                PERFORM ringfence_close_call(c.id, 'ended', i.outcome, i.code, NULL, 'callback');
                v_released := true;
                v_ended := true;
            ELSIF c.state IN ('dialing', 'uncertain') THEN
                PERFORM ringfence_mark_dialed(c.run_id, c.job_id);
            END IF;
        ELSIF c.settled_how = 'list' AND i.rank = 4 THEN
            PERFORM ringfence_amend_end(c.id, i.call_sid, i.outcome, i.code, i.sequence);
            v_result := 'amended';
        ELSIF c.state = 'abandoned' OR c.call_sid IS NULL OR c.surfaced_at IS NOT NULL
              OR (c.settled_how = 'list' AND c.call_sid <> i.call_sid) THEN
            v_ended := c.outcome IS NULL AND i.outcome IS NOT NULL;
            IF ringfence_surface_call(c.id, i.call_sid, i.outcome) THEN
                v_result := 'surfaced';
            END IF;
        ELSIF i.rank = 4 AND i.outcome <> c.outcome THEN
            v_result := 'other_end';
            IF c.settled_how = 'callback' AND i.sequence > c.sequence THEN
                PERFORM ringfence_amend_end(c.id, i.call_sid, i.outcome, i.code, i.sequence);
            ELSE
                v_outcome := c.outcome;
            END IF;
        ELSE
            v_result := 'late';
        END IF;
        RETURN QUERY SELECT i.n, v_result, c.id, c.business_id, c.run_id, c.job_id, v_released, v_ended, v_outcome,
            c.state = 'uncertain', CASE WHEN i.rank = 4 THEN ringfence_finish_run(c.run_id) END, c.call_sid, c.state,
            c.outcome, CASE WHEN v_bound = 'foreign' THEN (SELECT o.id FROM calls o WHERE o.call_sid = i.call_sid) END;
    END LOOP;
END $$;
