-- Binds a sid that came with the token, and so is certain, to its call; a guess elsewhere that took the same sid gives
-- way. The caller holds run, job and call. Returns `bound`, `known`, `second` when the row has another certain sid, or
-- `foreign` when the sid is another call's for certain: then nothing is bound. A live call's sid is left to the write
-- with which the caller notes what else it learnt: a row that is written twice costs twice.
CREATE FUNCTION ringfence_learn_sid(p_call bigint, p_sid text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    c calls%ROWTYPE;
    o record;
BEGIN
    SELECT * INTO c FROM calls WHERE id = p_call;
    IF c.call_sid = p_sid AND NOT c.sid_is_guess THEN
        RETURN 'known';
    END IF;
    SELECT id, sid_is_guess, duplicate_of INTO o FROM calls WHERE call_sid = p_sid AND id <> p_call;
    IF o.sid_is_guess THEN
        UPDATE calls SET call_sid = NULL, sid_is_guess = false,
            next_check_at = CASE WHEN ended_at IS NULL THEN clock_timestamp() END
        WHERE id = o.id AND call_sid = p_sid AND sid_is_guess;
        SELECT id, sid_is_guess, duplicate_of INTO o FROM calls WHERE call_sid = p_sid AND id <> p_call;
    END IF;
    IF o.id IS NOT NULL AND o.duplicate_of IS DISTINCT FROM p_call THEN
        RETURN 'foreign';
    END IF;
    IF c.call_sid IS NOT NULL AND NOT c.sid_is_guess THEN
        RETURN 'second';
    END IF;
    IF c.ended_at IS NOT NULL THEN
        -- the denial of an attempt that was given up stays on record: it is what justified doing so
        UPDATE calls SET call_sid = p_sid, sid_is_guess = false,
            hangup_at = CASE WHEN hangup_requested_at IS NOT NULL AND hung_up_at IS NULL THEN clock_timestamp() END
        WHERE id = p_call;
    END IF;
    RETURN 'bound';
END $$;
