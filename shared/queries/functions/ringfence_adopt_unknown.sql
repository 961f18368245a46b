-- After a failover or a restore: fails queued jobs whose lead was rung by a call that this database has lost, so that
-- nobody is rung twice. `p_calls` are the account's recent outbound calls, [{sid, to}]. A call whose sid is known is
-- nothing new; nor is one that a live call without a sid accounts for, which is settled on its own. Locks: run, job.
-- Returns the jobs that were failed, as `uncertain`, with the sid that spoke against each.
CREATE FUNCTION ringfence_adopt_unknown(p_account bigint, p_calls jsonb) RETURNS TABLE (
    business_id bigint, run_id bigint, job_id bigint, call_sid text, run_ended text
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_jobs bigint[];
    v_sids text[];
    j record;
BEGIN
    SELECT coalesce(array_agg(x.id ORDER BY x.id), '{}'), coalesce(array_agg(x.sid ORDER BY x.id), '{}')
    INTO v_jobs, v_sids FROM (
        SELECT q.id, u.sid FROM (
            SELECT i.to, min(i.sid) AS sid, count(DISTINCT i.sid) AS calls
            FROM jsonb_to_recordset(p_calls) AS i (sid text, "to" text)
            WHERE NOT EXISTS (SELECT 1 FROM calls c WHERE c.call_sid = i.sid)
            GROUP BY i.to) u
        JOIN leads l ON l.phone = u.to
        JOIN outbound_call_jobs q ON q.business_id = l.business_id AND q.lead_id = l.id AND q.status = 'queued'
        JOIN outbound_call_runs r ON r.id = q.run_id AND r.ended_at IS NULL
        JOIN businesses b ON b.id = l.business_id
        WHERE coalesce(b.account_id, (SELECT a.id FROM accounts a WHERE a.is_shared)) = p_account
          AND u.calls > (SELECT count(*) FROM calls c WHERE c.account_id = p_account AND c.to_number = u.to
                         AND c.ended_at IS NULL AND c.call_sid IS NULL)) x;
    PERFORM 1 FROM outbound_call_runs WHERE id IN (SELECT o.run_id FROM outbound_call_jobs o WHERE o.id = ANY (v_jobs))
        ORDER BY id FOR NO KEY UPDATE;
    PERFORM 1 FROM outbound_call_jobs WHERE id = ANY (v_jobs) ORDER BY id FOR NO KEY UPDATE;
    FOR j IN
        UPDATE outbound_call_jobs o SET status = 'failed', outcome = 'uncertain', error_code = 'unknown_call',
            error_message = 'the provider holds a call to this number that the database has lost',
            twilio_call_sid = u.sid, updated_at = clock_timestamp()
        FROM unnest(v_jobs, v_sids) u (id, sid)
        WHERE o.id = u.id AND o.status = 'queued' RETURNING o.business_id, o.run_id, o.id, u.sid
    LOOP
        PERFORM ringfence_mark_dialed(j.run_id, j.id);
        RETURN QUERY SELECT j.business_id, j.run_id, j.id, j.sid, ringfence_finish_run(j.run_id);
    END LOOP;
END $$;
