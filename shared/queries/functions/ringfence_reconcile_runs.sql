-- Ends a business's active runs that have no job queued or live, by the rule for it, at most once a minute a business.
-- One row per run that was ended; when it is too early one row with `retry_after` in seconds and no run.
CREATE FUNCTION ringfence_reconcile_runs(p_business bigint) RETURNS TABLE (
    retry_after double precision, run_id bigint, old_status text, new_status text, completed_jobs integer,
    total_leads integer
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_last timestamptz;
BEGIN
    PERFORM set_config('ringfence.business_id', p_business::text, true);
    SELECT b.reconciled_at INTO v_last FROM businesses b WHERE b.id = p_business FOR NO KEY UPDATE;
    IF v_last > clock_timestamp() - interval '60 s' THEN
        RETURN QUERY SELECT extract(epoch FROM v_last + interval '60 s' - clock_timestamp())::double precision,
            NULL::bigint, NULL::text, NULL::text, NULL::integer, NULL::integer;
        RETURN;
    END IF;
    UPDATE businesses SET reconciled_at = clock_timestamp() WHERE id = p_business;
    PERFORM 1 FROM outbound_call_runs o WHERE o.business_id = p_business AND o.ended_at IS NULL
        ORDER BY o.id FOR NO KEY UPDATE;
    RETURN QUERY
    SELECT NULL::double precision, o.id, o.status, ringfence_finish_run(o.id, 'reconciled'),
        (SELECT count(*)::integer FROM outbound_call_jobs j WHERE j.run_id = o.id AND j.status = 'completed'), o.total_leads
    FROM outbound_call_runs o
    WHERE o.business_id = p_business AND o.ended_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM outbound_call_jobs j WHERE j.run_id = o.id
                      AND j.status IN ('queued', 'dialing', 'in_progress'))
    ORDER BY o.id;
END $$;
