-- Takes calls whose next look is due, at most `p_limit` and at most `p_per_account` of one account, counting those
-- that `p_busy` names (an account once per look under way). Taking moves the look `p_patience` forward, so that
-- several reapers share the calls and one that dies is followed by another; whoever finishes a look says when the next
-- one is. Ones with a sid come back as `fetch`, the others as `list`. `checks` counts looks. A callback leaves the time
-- of the look alone: a call that was heard of less than `p_grace` ago is put off here until it has been quiet for that.
CREATE FUNCTION ringfence_take_checks(
    p_limit integer, p_per_account integer DEFAULT 1000, p_busy bigint[] DEFAULT '{}',
    p_patience interval DEFAULT '30 s', p_grace interval DEFAULT NULL
) RETURNS TABLE (
    call_id bigint, dial_token uuid, kind text, business_id bigint, run_id bigint, job_id bigint, call_sid text,
    to_number text, from_number text, created_at timestamptz, last_moment timestamptz, looked_at timestamptz,
    account_id bigint, account_sid text, account_is_shared boolean, auth_token_sealed bytea, state text,
    denied_at timestamptz
) LANGUAGE sql VOLATILE AS $$
    WITH heard AS MATERIALIZED (
        SELECT c.id FROM calls c
        WHERE c.id IN (SELECT d.id FROM calls d WHERE d.next_check_at <= statement_timestamp()
                       ORDER BY d.next_check_at LIMIT 50 * p_limit)
          AND c.next_check_at <= statement_timestamp() AND c.expires_at > statement_timestamp()
          AND c.state IN ('accepted', 'ringing', 'answered') AND c.hung_up_at IS NULL
          AND c.last_heard_at > statement_timestamp() - p_grace
        FOR NO KEY UPDATE SKIP LOCKED
    ), put_off AS (
        UPDATE calls c SET next_check_at = least(c.expires_at, c.last_heard_at + p_grace) FROM heard WHERE c.id = heard.id
    ), ready AS MATERIALIZED (
        SELECT c.id, c.account_id, c.next_check_at FROM calls c
        WHERE c.next_check_at <= statement_timestamp() AND c.expires_at > statement_timestamp() AND c.state <> 'dialing'
          AND (c.state = 'uncertain' OR c.ended_at IS NOT NULL OR c.hung_up_at IS NOT NULL
               OR (c.last_heard_at > statement_timestamp() - p_grace) IS NOT TRUE)
          AND cardinality(array_positions(p_busy, c.account_id)) < p_per_account
        ORDER BY c.next_check_at LIMIT 50 * p_limit
    ), in_line AS (
        SELECT r.id, r.next_check_at, row_number() OVER (PARTITION BY r.account_id ORDER BY r.next_check_at)
            + cardinality(array_positions(p_busy, r.account_id)) AS place FROM ready r
    ), due AS MATERIALIZED (
        SELECT c.id FROM calls c
        WHERE c.id IN (SELECT l.id FROM in_line l WHERE l.place <= p_per_account ORDER BY l.next_check_at LIMIT p_limit)
          AND c.next_check_at <= statement_timestamp()
          AND (c.state = 'uncertain' OR c.ended_at IS NOT NULL OR c.hung_up_at IS NOT NULL
               OR (c.last_heard_at > statement_timestamp() - p_grace) IS NOT TRUE)
        FOR NO KEY UPDATE SKIP LOCKED
    ), moved AS (
        UPDATE calls c SET checks = c.checks + 1, next_check_at = clock_timestamp() + p_patience
        FROM due WHERE c.id = due.id
        RETURNING c.*
    )
    SELECT m.id, m.dial_token, CASE WHEN m.call_sid IS NOT NULL THEN 'fetch' ELSE 'list' END,
        m.business_id, m.run_id, m.job_id, m.call_sid, m.to_number, m.from_number, m.created_at,
        m.deadline + m.dial_timeout, clock_timestamp(), a.id, a.account_sid, a.is_shared,
        CASE WHEN b.account_id = a.id AND NOT a.is_shared THEN b.auth_token_sealed END,
        m.state, m.denied_at
    FROM moved m JOIN accounts a ON a.id = m.account_id JOIN businesses b ON b.id = m.business_id
$$;
