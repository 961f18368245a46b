-- Records status callbacks, several at once, one round trip. Items are {n, token, call_sid, event, rank, outcome,
-- sequence, code, fields, account, key}: `rank` is 1 before ringing, 2 ringing, 3 answered, 4 over; `outcome` goes with
-- rank 4. With `account` a signature vouches for the item: it is recorded only where the call is that account's and `key`
-- still the SHA-256 of its sealed auth token (NULL for the shared account's), else it comes back as `unvouched`.
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
--   busy, unknown, unvouched
-- `known_sid`, `known_state` and `known_outcome` are what the row said before; `sid_of` is the call whose the sid is already.
-- Each row is written once, and while a call goes on no column that an index knows is written: its look stays where it
-- is, and is put off by whoever comes to take it.
-- Its plans are made once and walk indexes, like the claim's: made while the tables were small they would read them whole.
CREATE FUNCTION ringfence_record_callbacks(p_items jsonb, p_grace interval, p_wait boolean) RETURNS TABLE (
    n integer, result text, call_id bigint, business_id bigint, run_id bigint, job_id bigint, released boolean,
    ended boolean, outcome text, was_uncertain boolean, run_ended text, known_sid text, known_state text,
    known_outcome text, sid_of bigint
) LANGUAGE plpgsql VOLATILE SET plan_cache_mode TO force_generic_plan
SET enable_seqscan TO off SET enable_bitmapscan TO off SET enable_hashjoin TO off SET enable_mergejoin TO off AS $$
#variable_conflict use_column
DECLARE
    i record;
    c record;
    v_held bigint[];
    v_vouched integer[];
    v_new integer[];
    v_dialed bigint[] := '{}';  -- the runs of jobs that were dialled for the first time
    v_bound text;
    v_now timestamptz;
BEGIN
    v_held := ringfence_lock_calls(array(
        SELECT k.id FROM jsonb_to_recordset(p_items) AS x (token uuid) JOIN calls k ON k.dial_token = x.token), p_wait);
    v_vouched := array(
        SELECT x.n FROM jsonb_to_recordset(p_items) AS x (n integer, token uuid, account text, key text)
        JOIN calls k ON k.dial_token = x.token JOIN accounts a ON a.id = k.account_id JOIN businesses b ON b.id = k.business_id
        WHERE x.account IS NULL OR a.account_sid = x.account AND CASE WHEN a.is_shared THEN x.key IS NULL
            ELSE coalesce(x.key = encode(sha256(b.auth_token_sealed), 'hex'), false) END);
    -- one write for all: a statement prepares the table's indexes anew each time that it runs
    WITH heard AS MATERIALIZED (
        SELECT DISTINCT ON (k.id, x.call_sid, x.event, coalesce(x.sequence, -1))
            x.n, k.business_id, k.id, x.call_sid, x.event, x.sequence, x.fields
        FROM jsonb_to_recordset(p_items) AS x (n integer, token uuid, call_sid text, event text, sequence integer, fields jsonb)
        JOIN calls k ON k.dial_token = x.token
        WHERE x.n = ANY (v_vouched) AND k.id = ANY (v_held)
        ORDER BY k.id, x.call_sid, x.event, coalesce(x.sequence, -1), x.n
    ), kept AS (
        INSERT INTO call_events AS e (business_id, call_id, call_sid, event, sequence, fields)
        SELECT h.business_id, h.id, h.call_sid, h.event, h.sequence, h.fields FROM heard h ORDER BY h.n
        ON CONFLICT (call_id, call_sid, event, coalesce(sequence, -1)) DO NOTHING
        RETURNING e.call_id, e.call_sid, e.event, e.sequence
    )
    SELECT coalesce(array_agg(h.n), '{}') INTO v_new
    FROM kept e JOIN heard h ON h.id = e.call_id AND h.call_sid = e.call_sid AND h.event = e.event
        AND h.sequence IS NOT DISTINCT FROM e.sequence;
    FOR i IN SELECT x.* FROM jsonb_to_recordset(p_items) AS x (
        n integer, token uuid, call_sid text, event text, rank integer, outcome text, sequence integer, code text,
        fields jsonb, account text, key text) ORDER BY x.n
    LOOP
        v_now := clock_timestamp();
        SELECT k.*, j.status AS job_status, j.dialed AS job_dialed, j.dial_lock_token AS job_token,
            j.twilio_call_sid AS job_sid
        INTO c FROM calls k JOIN outbound_call_jobs j ON j.id = k.job_id WHERE k.dial_token = i.token;
        n := i.n;
        result := 'recorded';
        call_id := c.id;
        business_id := c.business_id;
        run_id := c.run_id;
        job_id := c.job_id;
        released := false;
        ended := false;
        outcome := i.outcome;
        was_uncertain := false;
        run_ended := NULL;
        known_sid := c.call_sid;
        known_state := c.state;
        known_outcome := c.outcome;
        sid_of := NULL;
        IF c.id IS NULL THEN
            result := 'unknown';
        ELSIF NOT i.n = ANY (v_vouched) THEN
            result := 'unvouched';
        ELSIF NOT c.id = ANY (v_held) THEN
            result := 'busy';
        ELSIF NOT i.n = ANY (v_new) THEN
            result := 'repeat';
        END IF;
        IF result <> 'recorded' THEN
            outcome := c.outcome;
            RETURN NEXT;
            CONTINUE;
        END IF;
        was_uncertain := c.state = 'uncertain';
        v_bound := CASE WHEN c.call_sid = i.call_sid AND NOT c.sid_is_guess THEN 'known'
                        ELSE ringfence_learn_sid(c.id, i.call_sid) END;
        IF v_bound = 'foreign' THEN
            result := 'foreign_sid';
            SELECT o.id INTO sid_of FROM calls o WHERE o.call_sid = i.call_sid;
        ELSIF v_bound = 'second' THEN
            outcome := 'duplicate';
            IF ringfence_second_sid(c.id, i.call_sid, i.rank = 4) THEN
                result := 'second_sid';
                ended := true;
            END IF;
        ELSIF c.ended_at IS NULL AND i.rank = 4 THEN
            PERFORM ringfence_close_call(c.id, 'ended', i.outcome, i.code, NULL, 'callback', i.call_sid, i.sequence);
            released := true;
            ended := true;
        ELSIF c.ended_at IS NULL THEN
            UPDATE calls SET
                state = CASE WHEN i.rank = 3 THEN 'answered'
                             WHEN i.rank = 2 AND state <> 'answered' THEN 'ringing'
                             WHEN state IN ('dialing', 'uncertain') THEN 'accepted' ELSE state END,
                call_sid = i.call_sid, sid_is_guess = false, denied_at = NULL,
                hangup_at = CASE WHEN v_bound = 'known' THEN hangup_at
                                 WHEN hangup_requested_at IS NOT NULL AND hung_up_at IS NULL THEN v_now END,
                accepted_at = coalesce(accepted_at, v_now),
                answered_at = CASE WHEN i.rank = 3 THEN coalesce(answered_at, v_now) ELSE answered_at END,
                error_code = CASE WHEN state = 'uncertain' THEN NULL ELSE error_code END,  -- why it was unsure
                last_heard_at = v_now, sequence = greatest(sequence, i.sequence), checks = 0,
                -- after a look the next one lies anywhere, and beyond the grace it would come too late
                next_check_at = CASE WHEN checks = 0 AND next_check_at <= v_now + p_grace THEN next_check_at
                                     ELSE v_now + p_grace END
            WHERE id = c.id;
            IF NOT c.job_dialed AND c.state IN ('dialing', 'uncertain') OR c.job_token = c.dial_token
               AND (c.job_status = 'dialing' OR c.job_sid IS DISTINCT FROM i.call_sid) THEN
                PERFORM ringfence_progress_job(c.job_id, c.dial_token, i.call_sid);
                IF NOT c.job_dialed THEN
                    v_dialed := v_dialed || c.run_id;
                END IF;
            END IF;
        ELSIF c.settled_how = 'list' AND i.rank = 4 THEN
            PERFORM ringfence_amend_end(c.id, i.call_sid, i.outcome, i.code, i.sequence);
            result := 'amended';
        ELSIF c.state = 'abandoned' OR c.call_sid IS NULL OR c.surfaced_at IS NOT NULL
              OR (c.settled_how = 'list' AND c.call_sid <> i.call_sid) THEN
            ended := c.outcome IS NULL AND i.outcome IS NOT NULL;
            IF ringfence_surface_call(c.id, i.call_sid, i.outcome) THEN
                result := 'surfaced';
            END IF;
        ELSIF i.rank = 4 AND i.outcome <> c.outcome THEN
            result := 'other_end';
            IF c.settled_how = 'callback' AND i.sequence > c.sequence THEN
                PERFORM ringfence_amend_end(c.id, i.call_sid, i.outcome, i.code, i.sequence);
            ELSE
                outcome := c.outcome;
            END IF;
        ELSE
            result := 'late';
        END IF;
        IF i.rank = 4 THEN
            run_ended := ringfence_finish_run(c.run_id);
        END IF;
        RETURN NEXT;
    END LOOP;
    PERFORM ringfence_count_dialed(v_dialed);
END $$;
