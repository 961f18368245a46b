-- Takes the hang-ups that are due and whose sid is certain, by moving them 5 s forward, so that several reapers share
-- them and one that dies is followed by another. A hang-up may be asked for twice: it is the same request.
CREATE FUNCTION ringfence_take_hangups(p_limit integer) RETURNS TABLE (
    call_id bigint, dial_token uuid, business_id bigint, run_id bigint, job_id bigint, call_sid text,
    account_id bigint, account_sid text, account_is_shared boolean, auth_token_sealed bytea
) LANGUAGE sql VOLATILE AS $$
    WITH due AS MATERIALIZED (
        SELECT c.id FROM calls c
        WHERE c.hangup_at <= clock_timestamp() AND c.call_sid IS NOT NULL AND NOT c.sid_is_guess
        ORDER BY c.hangup_at LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED
    ), moved AS (
        UPDATE calls c SET hangup_at = clock_timestamp() + interval '5 s' FROM due WHERE c.id = due.id RETURNING c.*
    )
    SELECT m.id, m.dial_token, m.business_id, m.run_id, m.job_id, m.call_sid, a.id, a.account_sid, a.is_shared,
        CASE WHEN a.is_shared THEN NULL ELSE b.auth_token_sealed END
    FROM moved m JOIN accounts a ON a.id = m.account_id JOIN businesses b ON b.id = m.business_id
$$;
