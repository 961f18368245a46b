-- Gives up an attempt that the provider is known not to hold, and puts its job where it belongs: back in the queue of
-- a run that is still going, else to an end. `p_sent` says that a create may have been written (it was settled by two
-- denials), false that none was. The caller holds run, job and call; putting the job back lowers the run's floor by a
-- trigger. Returns the job's new status.
CREATE FUNCTION ringfence_return_job(p_call bigint, p_sent boolean, p_how text, p_code text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    c record;
    r record;
    v_status text;
    v_outcome text;
    v_now timestamptz := clock_timestamp();
BEGIN
    UPDATE calls SET state = 'abandoned', ended_at = v_now, settled_how = p_how, error_code = coalesce(p_code, error_code),
        next_check_at = NULL, hangup_at = NULL
    WHERE id = p_call AND ended_at IS NULL RETURNING * INTO c;
    IF c.id IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT * INTO r FROM outbound_call_runs WHERE id = c.run_id;
    v_status := CASE
        WHEN r.cancel_requested OR r.end_reason IN ('cancelled', 'stopped') THEN 'cancelled'
        WHEN r.ended_at IS NULL AND (NOT p_sent OR r.on_uncertain = 'redial_when_absent') THEN 'queued'
        ELSE 'failed' END;
    v_outcome := CASE WHEN v_status = 'failed' THEN CASE WHEN p_sent THEN 'uncertain' ELSE 'not_dialed' END END;
    UPDATE outbound_call_jobs SET status = v_status, outcome = v_outcome, dial_lock_token = NULL, updated_at = v_now,
        attempts = attempts - CASE WHEN p_sent THEN 0 ELSE 1 END
    WHERE id = c.job_id AND dial_lock_token = c.dial_token AND status = 'dialing';
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF p_sent THEN
        PERFORM ringfence_mark_dialed(c.run_id, c.job_id);
    END IF;
    RETURN v_status;
END $$;
