-- The jobs of a run that a claim on this account may take now: queued, the lead not being rung, the number without an
-- unsure call on the account. `p_ringing` are the leads of the business's live calls, which who has them at hand gives.
-- `phone` is NULL for a job whose lead is not the business's: it cannot be rung. Ask in the order of job ids with a
-- limit: then the index of queued jobs is walked, and the cost does not grow with the run. The last condition asks for
-- one number as a range, in its order: so it is not answered by an index of live calls without the number in it, which
-- costs the same while there are none. OFFSET 0 keeps it from being made a join, which would read every unsure call.
CREATE FUNCTION ringfence_open_jobs(
    p_business bigint, p_run bigint, p_floor bigint, p_account bigint, p_ringing bigint[] DEFAULT NULL
) RETURNS TABLE (job_id bigint, phone text) LANGUAGE sql STABLE AS $$
    SELECT j.id, l.phone
    FROM outbound_call_jobs j LEFT JOIN leads l ON l.id = j.lead_id AND l.business_id = p_business
    WHERE j.run_id = p_run AND j.status = 'queued' AND j.id >= p_floor
      AND j.lead_id <> ALL (coalesce(p_ringing, ARRAY(
          SELECT c.lead_id FROM calls c WHERE c.business_id = p_business AND c.ended_at IS NULL)))
      AND NOT EXISTS (SELECT 1 FROM calls c
                      WHERE c.account_id = p_account AND c.to_number >= l.phone AND c.to_number <= l.phone
                        AND c.ended_at IS NULL AND (c.call_sid IS NULL OR c.sid_is_guess)
                      ORDER BY c.to_number OFFSET 0)
$$;
