-- The beat that is also the look. While the epoch holds it beats every pending and running run and returns one row:
-- whether the lease is still held, the runs adopted from another worker, and the businesses with a queued job and
-- fewer live calls than their cap. A run that somebody has locked at this instant is beaten by the next beat.
CREATE FUNCTION ringfence_beat(p_worker text, p_epoch bigint) RETURNS TABLE (
    held boolean, adopted_runs bigint[], adopted_businesses bigint[], hungry bigint[]
) LANGUAGE sql VOLATILE AS $$
    WITH lease AS MATERIALIZED (
        SELECT 1 FROM dispatcher_lease WHERE partition = 0 AND epoch = p_epoch AND holder = p_worker
    ), active AS MATERIALIZED (
        SELECT id, business_id, cancel_requested, claim_floor FROM outbound_call_runs
        WHERE ended_at IS NULL AND EXISTS (SELECT 1 FROM lease)
    ), free AS MATERIALIZED (
        -- the locked row says who had it: a claim that adopts at this instant has said so itself
        SELECT id, locked_by_worker FROM outbound_call_runs WHERE id IN (SELECT id FROM active) AND ended_at IS NULL
        ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
    ), beaten AS (
        UPDATE outbound_call_runs r SET last_heartbeat_at = clock_timestamp(), lock_ts = clock_timestamp(),
            locked_by_worker = p_worker, nudged_at = NULL, last_nudge_at = NULL
        FROM free WHERE r.id = free.id AND r.ended_at IS NULL
        RETURNING r.id
    ), adopted AS (
        SELECT a.id, a.business_id FROM active a JOIN beaten USING (id) JOIN free f USING (id)
        WHERE f.locked_by_worker IS DISTINCT FROM p_worker ORDER BY a.id
    ), roomy AS (
        SELECT b.id FROM businesses b
        WHERE b.id IN (SELECT business_id FROM active WHERE NOT cancel_requested)
          AND (SELECT count(*) FROM calls c WHERE c.business_id = b.id AND c.ended_at IS NULL) < b.max_concurrent_calls
    )
    SELECT EXISTS (SELECT 1 FROM lease),
        coalesce((SELECT array_agg(id) FROM adopted), '{}'),
        coalesce((SELECT array_agg(business_id) FROM adopted), '{}'),
        coalesce((SELECT array_agg(DISTINCT a.business_id) FROM active a JOIN roomy ON roomy.id = a.business_id
                  WHERE NOT a.cancel_requested
                    AND EXISTS (SELECT 1 FROM outbound_call_jobs j WHERE j.run_id = a.id AND j.status = 'queued'
                                AND j.id >= a.claim_floor)), '{}')
$$;
