-- Settles an uncertain call of a business by hand: its slot is free, its job failed as uncertain and not dialled
-- again. `verdict` is not_found, refused (with the call's state) or done.
CREATE FUNCTION ringfence_abandon_call(p_business bigint, p_call bigint) RETURNS TABLE (
    verdict text, state text, run_id bigint, job_id bigint, call_sid text, run_ended text
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    c calls%ROWTYPE;
    s record;
BEGIN
    PERFORM set_config('ringfence.business_id', p_business::text, true);
    SELECT * INTO c FROM calls WHERE id = p_call AND business_id = p_business;
    IF c.id IS NULL THEN
        RETURN QUERY SELECT 'not_found', NULL::text, NULL::bigint, NULL::bigint, NULL::text, NULL::text;
        RETURN;
    END IF;
    SELECT * INTO s FROM ringfence_settle(c.id, c.dial_token, 'hand', NULL, NULL, NULL, clock_timestamp(), NULL, NULL);
    RETURN QUERY SELECT CASE WHEN s.result = 'hand' THEN 'done' ELSE 'refused' END,
        (SELECT k.state FROM calls k WHERE k.id = p_call), c.run_id, c.job_id, c.call_sid, s.run_ended;
END $$;
