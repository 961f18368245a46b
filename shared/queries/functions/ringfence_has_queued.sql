-- Whether a business has a job that a claim could take: queued, in an active run that was not asked to stop.
CREATE FUNCTION ringfence_has_queued(p_business bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT 1 FROM outbound_call_runs r
        WHERE r.business_id = p_business AND r.ended_at IS NULL AND NOT r.cancel_requested
          AND EXISTS (SELECT 1 FROM outbound_call_jobs j
                      WHERE j.run_id = r.id AND j.status = 'queued' AND j.id >= r.claim_floor))
$$;
