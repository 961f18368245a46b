-- Why a claim got fewer jobs than it wanted: `idle` where nothing is queued, `busy` where jobs could be taken and
-- somebody holds their run, `uncertain` where every queued job waits for a call to its lead or number to end.
CREATE FUNCTION ringfence_claim_obstacle(p_business bigint, p_account bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN NOT ringfence_has_queued(p_business) THEN 'idle'
        WHEN EXISTS (SELECT 1 FROM outbound_call_runs r
                     WHERE r.business_id = p_business AND r.ended_at IS NULL AND NOT r.cancel_requested
                       AND (SELECT j.job_id FROM ringfence_open_jobs(p_business, r.id, r.claim_floor, p_account) j
                            ORDER BY j.job_id LIMIT 1) IS NOT NULL)
            THEN 'busy'
        ELSE 'uncertain' END
$$;
