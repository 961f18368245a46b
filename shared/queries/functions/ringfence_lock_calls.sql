-- Locks what the calls named belong to, in the one order: run, job, call, each sorted. Without `p_wait` it passes over
-- what somebody else holds instead of waiting for it. Returns the calls that are held with all they belong to.
CREATE FUNCTION ringfence_lock_calls(p_calls bigint[], p_wait boolean DEFAULT true) RETURNS bigint[]
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_runs bigint[];
    v_jobs bigint[];
    v_calls bigint[];
BEGIN
    IF p_wait THEN
        PERFORM 1 FROM outbound_call_runs WHERE id IN (SELECT run_id FROM calls WHERE id = ANY (p_calls))
            ORDER BY id FOR NO KEY UPDATE;
        PERFORM 1 FROM outbound_call_jobs WHERE id IN (SELECT job_id FROM calls WHERE id = ANY (p_calls))
            ORDER BY id FOR NO KEY UPDATE;
        PERFORM 1 FROM calls WHERE id = ANY (p_calls) ORDER BY id FOR NO KEY UPDATE;
        RETURN p_calls;
    END IF;
    SELECT coalesce(array_agg(x.id), '{}') INTO v_runs FROM (
        SELECT id FROM outbound_call_runs WHERE id IN (SELECT run_id FROM calls WHERE id = ANY (p_calls))
        ORDER BY id FOR NO KEY UPDATE SKIP LOCKED) x;
    SELECT coalesce(array_agg(x.id), '{}') INTO v_jobs FROM (
        SELECT id FROM outbound_call_jobs
        WHERE id IN (SELECT job_id FROM calls WHERE id = ANY (p_calls) AND run_id = ANY (v_runs))
        ORDER BY id FOR NO KEY UPDATE SKIP LOCKED) x;
    SELECT coalesce(array_agg(x.id), '{}') INTO v_calls FROM (
        SELECT id FROM calls WHERE id = ANY (p_calls) AND job_id = ANY (v_jobs)
        ORDER BY id FOR NO KEY UPDATE SKIP LOCKED) x;
    RETURN v_calls;
END $$;
