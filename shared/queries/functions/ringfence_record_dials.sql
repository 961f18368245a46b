-- Records what came of creates that were sent or not sent, several at once, one round trip. Items are
-- {call_id, token, class, call_sid, queue_ms, code, message, retry_after}; the classes are those of an answer
-- (accepted, ambiguous, not_sent, deadline, throttled, account_full, account_blocked, number_rejected, run_refused).
-- Callbacks may have come before the answer: nothing here lowers what they set. `known_sid`, `known_state` and
-- `known_outcome` are what the row said before; `sid_of` is the call whose the answered sid is already.
-- Its plans are made once and walk indexes, like the claim's: made while the tables were small they would read them whole.
CREATE FUNCTION ringfence_record_dials(p_items jsonb, p_settle_after interval, p_grace interval) RETURNS TABLE (
    call_id bigint, business_id bigint, run_id bigint, job_id bigint, result text, run_ended text, account_change text,
    known_sid text, known_state text, known_outcome text, sid_of bigint
) LANGUAGE plpgsql VOLATILE SET plan_cache_mode TO force_generic_plan
SET enable_seqscan TO off SET enable_bitmapscan TO off SET enable_hashjoin TO off SET enable_mergejoin TO off AS $$
#variable_conflict use_column
DECLARE
    i record;
    c record;
    v_bound text;
    v_result text;
    v_ended text;
    v_change text;
    v_owner bigint;
    v_now timestamptz;
    v_accounts bigint[];
    v_dialed bigint[] := '{}';  -- the runs of jobs that were dialled for the first time
BEGIN
    -- only accounts that an answer may change; one that changes after this look is left alone, for its lock comes first
    SELECT coalesce(array_agg(a.id), '{}') INTO v_accounts FROM (
        SELECT id FROM accounts WHERE id IN (
            SELECT k.account_id FROM jsonb_to_recordset(p_items) AS x (call_id bigint, class text)
            JOIN calls k ON k.id = x.call_id JOIN accounts o ON o.id = k.account_id
            WHERE x.class <> 'accepted' OR o.blocked_code IS NOT NULL OR o.ambiguous_in_a_row > 0 OR o.refusals > 0)
        ORDER BY id FOR NO KEY UPDATE) a;
    PERFORM ringfence_lock_calls(array(SELECT x.call_id FROM jsonb_to_recordset(p_items) AS x (call_id bigint)));
    FOR i IN SELECT x.* FROM jsonb_to_recordset(p_items) AS x (
        call_id bigint, token uuid, class text, call_sid text, queue_ms bigint, code text, message text,
        retry_after double precision) ORDER BY x.call_id
    LOOP
        v_now := clock_timestamp();
        v_ended := NULL;
        v_owner := NULL;
        SELECT k.*, j.status AS job_status, j.dialed AS job_dialed, j.dial_lock_token AS job_token,
            j.twilio_call_sid AS job_sid
        INTO c FROM calls k JOIN outbound_call_jobs j ON j.id = k.job_id
        WHERE k.id = i.call_id AND k.dial_token = i.token;
        CONTINUE WHEN c.id IS NULL;
        v_change := CASE WHEN c.account_id = ANY (v_accounts) THEN
            ringfence_note_account(c.account_id, i.class, coalesce(i.code, i.class), i.retry_after, c.created_at) END;
        IF i.class = 'accepted' THEN
            v_bound := CASE WHEN c.call_sid = i.call_sid AND NOT c.sid_is_guess THEN 'known'
                            ELSE ringfence_learn_sid(c.id, i.call_sid) END;
            IF v_bound = 'second' THEN
                v_result := CASE WHEN ringfence_second_sid(c.id, i.call_sid, false) THEN 'second_sid' ELSE 'repeat' END;
            ELSIF v_bound = 'foreign' THEN  -- an answer that names another call says nothing certain of this one
                UPDATE calls SET state = 'uncertain', error_code = 'foreign_sid', next_check_at = v_now + p_settle_after
                WHERE id = c.id AND state = 'dialing';
                v_result := CASE WHEN FOUND THEN 'uncertain' ELSE 'overtaken' END;
                SELECT o.id INTO v_owner FROM calls o WHERE o.call_sid = i.call_sid;
                PERFORM ringfence_mark_dialed(c.run_id, c.job_id);
            ELSIF c.ended_at IS NOT NULL AND (c.state = 'abandoned' OR c.call_sid IS NULL
                                              OR (c.settled_how = 'list' AND c.call_sid <> i.call_sid)) THEN
                v_result := CASE WHEN ringfence_surface_call(c.id, i.call_sid, NULL) THEN 'surfaced' ELSE 'repeat' END;
            ELSE
                -- where callbacks came first they have noted all of this, unless the call waits in a queue
                IF v_bound = 'bound' OR c.state IN ('dialing', 'uncertain') OR i.queue_ms > 0 THEN
                    UPDATE calls SET state = CASE WHEN state IN ('dialing', 'uncertain') THEN 'accepted' ELSE state END,
                        call_sid = i.call_sid, sid_is_guess = false,
                        denied_at = CASE WHEN ended_at IS NOT NULL THEN denied_at END,
                        hangup_at = CASE WHEN v_bound = 'known' OR ended_at IS NOT NULL THEN hangup_at
                                         WHEN hangup_requested_at IS NOT NULL AND hung_up_at IS NULL THEN v_now END,
                        accepted_at = coalesce(accepted_at, v_now),
                        expires_at = expires_at + coalesce(i.queue_ms, 0) * interval '1 ms',
                        next_check_at = CASE WHEN ended_at IS NULL THEN greatest(coalesce(last_heard_at, v_now), v_now)
                                                 + p_grace + coalesce(i.queue_ms, 0) * interval '1 ms' END
                    WHERE id = c.id;
                END IF;
                IF NOT c.job_dialed OR c.job_token = c.dial_token
                   AND (c.job_status = 'dialing' OR c.job_sid IS DISTINCT FROM i.call_sid) THEN
                    PERFORM ringfence_progress_job(c.job_id, c.dial_token, i.call_sid);
                    IF NOT c.job_dialed THEN
                        v_dialed := v_dialed || c.run_id;
                    END IF;
                END IF;
                v_result := CASE WHEN c.state = 'uncertain' THEN 'settled' ELSE 'accepted' END;
            END IF;
        ELSIF c.ended_at IS NOT NULL OR c.state NOT IN ('dialing', 'uncertain') THEN
            v_result := 'overtaken';  -- a callback or the reaper knew better
        ELSIF i.class = 'ambiguous' THEN
            UPDATE calls SET state = 'uncertain', error_code = coalesce(i.code, i.class), next_check_at = v_now + p_settle_after
            WHERE id = c.id;
            PERFORM ringfence_mark_dialed(c.run_id, c.job_id);
            v_result := 'uncertain';
        ELSIF i.class IN ('number_rejected', 'run_refused') THEN
            PERFORM ringfence_close_call(c.id, 'ended', 'rejected', i.code, i.message, 'answer');
            v_result := 'rejected';
            IF i.class = 'run_refused' AND NOT (SELECT o.cancel_requested FROM outbound_call_runs o WHERE o.id = c.run_id)
               AND ringfence_end_run(c.run_id, 'failed', 'twilio:' || i.code, 'failed', 'not_dialed') IS NOT NULL THEN
                v_ended := 'failed';
            END IF;
        ELSIF i.class NOT IN ('not_sent', 'deadline', 'throttled', 'account_full', 'account_blocked') THEN
            RAISE EXCEPTION 'no create is answered with %', i.class USING ERRCODE = 'invalid_parameter_value';
        ELSE
            v_result := 'returned_' || coalesce(ringfence_return_job(c.id, false, i.class, i.code), 'nowhere');
        END IF;
        IF v_ended IS NULL AND (v_result NOT IN ('accepted', 'settled') OR c.ended_at IS NOT NULL) THEN
            v_ended := ringfence_finish_run(c.run_id);  -- where the call goes on, so does its job
        END IF;
        RETURN QUERY SELECT c.id, c.business_id, c.run_id, c.job_id, v_result, v_ended, v_change, c.call_sid, c.state,
            c.outcome, v_owner;
    END LOOP;
    PERFORM ringfence_count_dialed(v_dialed);
END $$;
