-- Hands back the calls of an epoch whose creates its holder knows it never sent: claims whose answer was lost on the
-- way. `p_in_hand` are the calls that it does know of. Only the process that held that epoch may ask. An uncertain call
-- with an error code is one whose create was answered badly: it may have been carried out, and is never handed back.
-- Returns their number.
CREATE FUNCTION ringfence_disown(p_epoch bigint, p_in_hand bigint[]) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_calls bigint[];
    v_call record;
    v_count integer := 0;
BEGIN
    v_calls := array(SELECT id FROM calls WHERE ended_at IS NULL AND claim_epoch = p_epoch AND call_sid IS NULL
                     AND (state = 'dialing' OR (state = 'uncertain' AND error_code IS NULL)) AND id <> ALL (p_in_hand));
    PERFORM ringfence_lock_calls(v_calls);
    FOR v_call IN SELECT id, run_id FROM calls WHERE id = ANY (v_calls) AND ended_at IS NULL AND call_sid IS NULL
        AND (state = 'dialing' OR (state = 'uncertain' AND error_code IS NULL)) ORDER BY id
    LOOP
        PERFORM ringfence_return_job(v_call.id, false, 'deadline');
        PERFORM ringfence_finish_run(v_call.run_id);
        v_count := v_count + 1;
    END LOOP;
    RETURN v_count;
END $$;
