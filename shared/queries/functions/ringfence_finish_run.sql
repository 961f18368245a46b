-- Ends a run whose last open job has ended, by the one rule for it; returns its new status, or NULL. The caller holds
-- the run's lock and has ended its jobs in earlier statements, so of two that end the last two jobs the second sees it.
-- `claim_floor` serves as a quick way to see that the run goes on; the verdict itself ignores it. Without sequential
-- scans: where half the jobs are queued the planner expects to meet one at once, and then walks all that are done.
CREATE FUNCTION ringfence_finish_run(p_run bigint, p_reason text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql VOLATILE SET enable_seqscan TO off AS $$
DECLARE
    v_status text;
    v_dialled boolean;
BEGIN
    IF EXISTS (SELECT 1 FROM outbound_call_runs r JOIN outbound_call_jobs j ON j.run_id = r.id
               WHERE r.id = p_run AND j.status = 'queued' AND j.id >= r.claim_floor)
       OR EXISTS (SELECT 1 FROM outbound_call_jobs WHERE run_id = p_run AND status IN ('dialing', 'in_progress'))
       OR EXISTS (SELECT 1 FROM outbound_call_jobs WHERE run_id = p_run AND status = 'queued') THEN
        RETURN NULL;
    END IF;
    -- an outcome of a dialled job counts as well as the mark: a job that was ended by hand has only the former
    v_dialled := EXISTS (SELECT 1 FROM outbound_call_jobs WHERE run_id = p_run AND (
        dialed OR status = 'completed' OR outcome IN ('failed', 'rejected', 'uncertain')));
    UPDATE outbound_call_runs r SET
        status = CASE WHEN r.cancel_requested THEN 'cancelled' WHEN v_dialled THEN 'completed' ELSE 'failed' END,
        end_reason = coalesce(p_reason, CASE WHEN r.cancel_requested THEN 'cancelled' WHEN v_dialled THEN 'completed'
                                             ELSE 'never_dialed' END),
        ended_at = clock_timestamp(), updated_at = clock_timestamp(),
        locked_by_worker = NULL, lock_ts = NULL, last_heartbeat_at = NULL, nudged_at = NULL, last_nudge_at = NULL
    WHERE r.id = p_run AND r.ended_at IS NULL
    RETURNING status INTO v_status;
    RETURN v_status;
END $$;
