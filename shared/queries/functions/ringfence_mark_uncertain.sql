-- Calls whose create should have been answered by now become uncertain: their dispatcher died, or lost its database.
CREATE FUNCTION ringfence_mark_uncertain(p_limit integer) RETURNS TABLE (
    call_id bigint, business_id bigint, run_id bigint, job_id bigint
) LANGUAGE sql VOLATILE AS $$
    WITH overdue AS MATERIALIZED (
        SELECT c.id FROM calls c
        WHERE c.next_check_at <= statement_timestamp() AND c.state = 'dialing'
          AND c.deadline + c.dial_timeout <= statement_timestamp()
        ORDER BY c.next_check_at LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE calls c SET state = 'uncertain' FROM overdue WHERE c.id = overdue.id AND c.state = 'dialing'
    RETURNING c.id, c.business_id, c.run_id, c.job_id
$$;
