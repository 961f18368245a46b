-- Takes hang-ups that are due and whose sid is certain, within the same limits and by the same means as
-- ringfence_take_checks. A hang-up may be asked for twice: it is the same request. Past its longest life a call needs
-- none.
CREATE FUNCTION ringfence_take_hangups(
    p_limit integer, p_per_account integer DEFAULT 1000, p_busy bigint[] DEFAULT '{}',
    p_patience interval DEFAULT '30 s'
) RETURNS TABLE (
    call_id bigint, dial_token uuid, business_id bigint, run_id bigint, job_id bigint, call_sid text,
    account_id bigint, account_sid text, account_is_shared boolean, auth_token_sealed bytea
) LANGUAGE sql VOLATILE AS $$
    WITH ready AS MATERIALIZED (
        SELECT c.id, c.account_id, c.hangup_at FROM calls c
        WHERE c.hangup_at <= statement_timestamp() AND c.call_sid IS NOT NULL AND NOT c.sid_is_guess
          AND cardinality(array_positions(p_busy, c.account_id)) < p_per_account
        ORDER BY c.hangup_at LIMIT 50 * p_limit
    ), in_line AS (
        SELECT r.id, r.hangup_at, row_number() OVER (PARTITION BY r.account_id ORDER BY r.hangup_at)
            + cardinality(array_positions(p_busy, r.account_id)) AS place FROM ready r
    ), due AS MATERIALIZED (
        SELECT c.id FROM calls c
        WHERE c.id IN (SELECT l.id FROM in_line l WHERE l.place <= p_per_account ORDER BY l.hangup_at LIMIT p_limit)
          AND c.hangup_at <= statement_timestamp()
        FOR NO KEY UPDATE SKIP LOCKED
    ), moved AS (
        UPDATE calls c SET
            hangup_at = CASE WHEN c.expires_at > clock_timestamp() THEN clock_timestamp() + p_patience END
        FROM due WHERE c.id = due.id
        RETURNING c.*
    )
    SELECT m.id, m.dial_token, m.business_id, m.run_id, m.job_id, m.call_sid, a.id, a.account_sid, a.is_shared,
        CASE WHEN b.account_id = a.id AND NOT a.is_shared THEN b.auth_token_sealed END
    FROM moved m JOIN accounts a ON a.id = m.account_id JOIN businesses b ON b.id = m.business_id
    WHERE m.hangup_at IS NOT NULL
$$;
