-- Records that the provider made a second call for one token: a row of its own that holds no slot, to be hung up.
-- The caller holds run, job and call. Returns whether it was new.
CREATE FUNCTION ringfence_second_sid(p_call bigint, p_sid text, p_over boolean) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_new boolean;
BEGIN
    INSERT INTO calls (business_id, run_id, job_id, lead_id, account_id, attempt, dial_token, to_number, from_number,
                       call_sid, state, outcome, deadline, dial_timeout, expires_at, ended_at, duplicate_of,
                       hangup_requested_at, hangup_at, settled_how)
    SELECT business_id, run_id, job_id, lead_id, account_id, attempt, gen_random_uuid(), to_number, from_number,
        p_sid, 'ended', 'duplicate', deadline, dial_timeout, expires_at, v_now, id,
        v_now, CASE WHEN NOT p_over THEN v_now END, 'duplicate'
    FROM calls WHERE id = p_call
    ON CONFLICT (call_sid) WHERE call_sid IS NOT NULL DO NOTHING;
    v_new := FOUND;
    IF p_over THEN
        UPDATE calls SET hangup_at = NULL, hung_up_at = coalesce(hung_up_at, v_now)
        WHERE call_sid = p_sid AND duplicate_of = p_call;
    END IF;
    RETURN v_new;
END $$;
