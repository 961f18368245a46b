-- Locks what the calls named belong to, in the one order: run, job, call, each sorted.
CREATE FUNCTION ringfence_lock_calls(p_calls bigint[]) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM 1 FROM outbound_call_runs WHERE id IN (SELECT run_id FROM calls WHERE id = ANY (p_calls))
        ORDER BY id FOR NO KEY UPDATE;
    PERFORM 1 FROM outbound_call_jobs WHERE id IN (SELECT job_id FROM calls WHERE id = ANY (p_calls))
        ORDER BY id FOR NO KEY UPDATE;
    PERFORM 1 FROM calls WHERE id = ANY (p_calls) ORDER BY id FOR NO KEY UPDATE;
END $$;
