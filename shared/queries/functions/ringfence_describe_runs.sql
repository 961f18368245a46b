-- Everything that is shown of runs, newest first, read in one snapshot so that counts and total agree. For runs that
-- are not over also what they wait on: the lease, the account, the slots, the rate, and whether any queued job could
-- be claimed now (by the conditions of the claim). For an ended run those are NULL.
CREATE FUNCTION ringfence_describe_runs(
    p_runs bigint[], p_nudge_after interval, p_stale_after interval, p_lease interval
) RETURNS TABLE (
    run_id bigint, business_id bigint, name text, status text, total_leads integer, queued integer,
    in_progress integer, completed integer, failed integer, cancelled integer, cursor_position integer,
    cancel_requested boolean, created_at timestamptz, started_at timestamptz, ended_at timestamptz,
    last_heartbeat_at timestamptz, locked_by_worker text, created_by_user_id text, end_reason text, stale boolean,
    blocked_code text, blocked_since timestamptz, retry_at timestamptz, dispatcher_alive boolean, has_account boolean,
    cap integer, live integer, uncertain integer, rate_allows boolean, claimable boolean
) LANGUAGE sql STABLE AS $$
    SELECT r.id, r.business_id, r.name, r.status, r.total_leads, coalesce(n.queued, 0),
        coalesce(n.in_progress, 0), coalesce(n.completed, 0), coalesce(n.failed, 0), coalesce(n.cancelled, 0),
        r.cursor_position, r.cancel_requested, r.created_at, r.started_at, r.ended_at, r.last_heartbeat_at,
        r.locked_by_worker, r.created_by_user_id, r.end_reason,
        coalesce(r.ended_at IS NULL AND r.status = 'running'
            AND coalesce(r.last_heartbeat_at, r.lock_ts, r.updated_at, r.created_at) < clock_timestamp() - p_nudge_after
            AND r.nudged_at < clock_timestamp() - (p_stale_after - p_nudge_after), false),
        w.blocked_code, w.blocked_since, w.retry_at,
        CASE WHEN r.ended_at IS NULL THEN EXISTS (
            SELECT 1 FROM dispatcher_lease l
            WHERE l.holder IS NOT NULL AND l.renewed_at > clock_timestamp() - p_lease AND l.database_trusted) END,
        w.has_account, w.cap, w.live, w.uncertain, w.rate_allows,
        -- no more jobs than there are such calls can be passed over, so the head of the queue tells
        CASE WHEN r.ended_at IS NULL AND n.queued > 0 THEN EXISTS (
            SELECT 1 FROM (
                SELECT j.lead_id, (SELECT l.phone FROM leads l WHERE l.id = j.lead_id) AS phone
                FROM outbound_call_jobs j
                WHERE j.run_id = r.id AND j.status = 'queued' AND j.id >= r.claim_floor
                ORDER BY j.id LIMIT w.live + w.unsure + 1) head
            WHERE NOT EXISTS (SELECT 1 FROM calls c WHERE c.business_id = r.business_id AND c.lead_id = head.lead_id
                              AND c.ended_at IS NULL)
              AND NOT EXISTS (SELECT 1 FROM calls c WHERE c.account_id = w.account_id AND c.to_number = head.phone
                              AND c.ended_at IS NULL AND (c.call_sid IS NULL OR c.sid_is_guess))) END
    FROM outbound_call_runs r
    LEFT JOIN (  -- one pass over the jobs of all the runs, not one for each
        SELECT j.run_id,
            (count(*) FILTER (WHERE j.status = 'queued'))::integer AS queued,
            (count(*) FILTER (WHERE j.status IN ('dialing', 'in_progress')))::integer AS in_progress,
            (count(*) FILTER (WHERE j.status = 'completed'))::integer AS completed,
            (count(*) FILTER (WHERE j.status = 'failed'))::integer AS failed,
            (count(*) FILTER (WHERE j.status = 'cancelled'))::integer AS cancelled
        FROM outbound_call_jobs j WHERE j.run_id = ANY (p_runs) GROUP BY j.run_id
    ) n ON n.run_id = r.id
    LEFT JOIN LATERAL (
        SELECT a.id AS account_id, a.blocked_code, a.blocked_since, a.retry_at, a.id IS NOT NULL AS has_account,
            b.max_concurrent_calls AS cap, v.live, v.uncertain,
            (SELECT count(*) FROM calls c WHERE c.account_id = a.id AND c.ended_at IS NULL
             AND (c.call_sid IS NULL OR c.sid_is_guess)) AS unsure,
            coalesce(least(ringfence_tokens(a.next_dial_at, a.calls_per_second, clock_timestamp()),
                           ringfence_tokens(b.next_dial_at, b.calls_per_second, clock_timestamp())) > 0, false)
                AS rate_allows
        FROM businesses b
        LEFT JOIN accounts a ON a.id = coalesce(b.account_id, (SELECT s.id FROM accounts s WHERE s.is_shared))
        CROSS JOIN LATERAL (
            SELECT count(*)::integer AS live, (count(*) FILTER (WHERE c.state = 'uncertain'))::integer AS uncertain
            FROM calls c WHERE c.business_id = b.id AND c.ended_at IS NULL
        ) v
        WHERE b.id = r.business_id AND r.ended_at IS NULL
    ) w ON true
    WHERE r.id = ANY (p_runs)
    ORDER BY r.id DESC
$$;
