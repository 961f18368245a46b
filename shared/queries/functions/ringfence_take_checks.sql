-- Takes the calls whose next look is due by moving the look forward, so that several reapers share them. A create
-- whose answer is overdue becomes uncertain here. Calls past their longest life come back as `expired`, ones with a
-- sid as `fetch`, the others as `list`. `checks` counts looks, and the pauses between fetches double to 15 minutes.
CREATE FUNCTION ringfence_take_checks(p_limit integer, p_settle_after interval, p_grace interval) RETURNS TABLE (
    call_id bigint, dial_token uuid, kind text, became_uncertain boolean, business_id bigint, run_id bigint,
    job_id bigint, call_sid text, to_number text, from_number text, created_at timestamptz, last_moment timestamptz,
    looked_at timestamptz, account_id bigint, account_sid text, account_is_shared boolean, auth_token_sealed bytea
) LANGUAGE sql VOLATILE AS $$
    WITH due AS MATERIALIZED (
        SELECT c.id, c.state FROM calls c
        WHERE c.next_check_at <= clock_timestamp()
        ORDER BY c.next_check_at LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED
    ), moved AS (
        UPDATE calls c SET
            state = CASE WHEN c.state = 'dialing' THEN 'uncertain' ELSE c.state END,
            checks = c.checks + 1,
            next_check_at = clock_timestamp() + CASE WHEN c.call_sid IS NULL OR c.sid_is_guess THEN p_settle_after
                ELSE least(p_grace * 2 ^ least(c.checks, 10), greatest(p_grace, interval '15 min')) END
        FROM due WHERE c.id = due.id AND c.next_check_at IS NOT NULL
        RETURNING c.*, due.state = 'dialing' AS became_uncertain
    )
    SELECT m.id, m.dial_token,
        CASE WHEN m.expires_at <= clock_timestamp() THEN 'expired' WHEN m.call_sid IS NOT NULL THEN 'fetch' ELSE 'list' END,
        m.became_uncertain, m.business_id, m.run_id, m.job_id, m.call_sid, m.to_number, m.from_number, m.created_at,
        m.deadline + m.dial_timeout, clock_timestamp(), a.id, a.account_sid, a.is_shared,
        CASE WHEN a.is_shared THEN NULL ELSE b.auth_token_sealed END
    FROM moved m JOIN accounts a ON a.id = m.account_id JOIN businesses b ON b.id = m.business_id
$$;
