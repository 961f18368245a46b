-- Notes which pending and running runs have been quiet for longer than `p_nudge_after`, each at most once in that time
-- whoever asks, and returns them: each gets a RunStale. `nudged_at` is the first nudge that went unanswered.
CREATE FUNCTION ringfence_nudge(p_nudge_after interval) RETURNS TABLE (
    run_id bigint, business_id bigint, last_heartbeat_at timestamptz, worker text
) LANGUAGE sql VOLATILE AS $$
    WITH quiet AS MATERIALIZED (
        SELECT r.id FROM outbound_call_runs r
        WHERE r.ended_at IS NULL
          AND coalesce(r.last_heartbeat_at, r.lock_ts, r.updated_at, r.created_at) < clock_timestamp() - p_nudge_after
          AND (r.nudged_at IS NULL
               OR coalesce(r.last_nudge_at, r.nudged_at) <= clock_timestamp() - p_nudge_after)
        ORDER BY r.id FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE outbound_call_runs r SET nudged_at = coalesce(r.nudged_at, clock_timestamp()), last_nudge_at = clock_timestamp()
    FROM quiet WHERE r.id = quiet.id AND r.ended_at IS NULL
    RETURNING r.id, r.business_id, coalesce(r.last_heartbeat_at, r.lock_ts, r.updated_at, r.created_at), r.locked_by_worker
$$;
