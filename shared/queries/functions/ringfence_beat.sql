-- The beat that is also the look. While the epoch holds it beats the pending and running runs of its partition and
-- returns one row: whether the lease is still held, the runs adopted from another worker, and the businesses with a
-- queued job and fewer live calls than their cap. A run that somebody has locked at this instant is beaten by the next
-- beat. Of several partitions the first also beats what nobody has beaten for `p_overdue`, so that no run falls
-- between holders who differ about the number of partitions.
CREATE FUNCTION ringfence_beat(
    p_worker text, p_epoch bigint, p_partition integer DEFAULT 0, p_partitions integer DEFAULT 1,
    p_overdue interval DEFAULT NULL
) RETURNS TABLE (
    held boolean, adopted_runs bigint[], adopted_businesses bigint[], hungry bigint[]
) LANGUAGE sql VOLATILE AS $$
    WITH lease AS MATERIALIZED (
        SELECT 1 FROM dispatcher_lease WHERE partition = p_partition AND epoch = p_epoch AND holder = p_worker
    ), active AS MATERIALIZED (
        SELECT id, business_id, cancel_requested, claim_floor FROM outbound_call_runs
        WHERE p_partitions = 1 AND ended_at IS NULL AND EXISTS (SELECT 1 FROM lease)
        UNION ALL
        SELECT r.id, r.business_id, r.cancel_requested, r.claim_floor
        FROM outbound_call_runs r JOIN businesses b ON b.id = r.business_id
        WHERE p_partitions > 1 AND r.ended_at IS NULL AND EXISTS (SELECT 1 FROM lease)
          AND (ringfence_partition_of(b.id, b.dispatch_partition, p_partitions) = p_partition
               OR (p_partition = 0
                   AND coalesce(r.last_heartbeat_at, r.created_at) < clock_timestamp() - p_overdue))
    ), free AS MATERIALIZED (
        -- the locked row says who had it: a claim that adopts at this instant has said so itself
        SELECT id, locked_by_worker FROM outbound_call_runs WHERE id IN (SELECT id FROM active) AND ended_at IS NULL
        ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
    ), beaten AS (
        UPDATE outbound_call_runs r SET last_heartbeat_at = clock_timestamp(), lock_ts = clock_timestamp(),
            locked_by_worker = p_worker, nudged_at = NULL, last_nudge_at = NULL
        FROM free WHERE r.id = free.id AND r.ended_at IS NULL
        RETURNING r.id, r.business_id, free.locked_by_worker AS before
    ), adopted AS (
        SELECT id, business_id FROM beaten WHERE before IS DISTINCT FROM p_worker ORDER BY id
    )
    -- no join of what was just read with itself: the planner expects a handful, and would compare each with every other
    SELECT EXISTS (SELECT 1 FROM lease),
        coalesce((SELECT array_agg(id) FROM adopted), '{}'),
        coalesce((SELECT array_agg(business_id) FROM adopted), '{}'),
        coalesce((SELECT array_agg(DISTINCT a.business_id) FROM active a
                  WHERE NOT a.cancel_requested
                    AND (SELECT count(*) FROM calls c WHERE c.business_id = a.business_id AND c.ended_at IS NULL)
                        < (SELECT b.max_concurrent_calls FROM businesses b WHERE b.id = a.business_id)
                    AND EXISTS (SELECT 1 FROM outbound_call_jobs j WHERE j.run_id = a.id AND j.status = 'queued'
                                AND j.id >= a.claim_floor)), '{}')
$$;
