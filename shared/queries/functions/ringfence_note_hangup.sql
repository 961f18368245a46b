-- Notes that the provider took a hang-up (or said that the call had ended). A call that was still queued there is
-- cancelled without a callback, so a live one is looked at soon.
CREATE FUNCTION ringfence_note_hangup(p_call bigint, p_token uuid) RETURNS void LANGUAGE sql VOLATILE AS $$
    UPDATE calls SET hung_up_at = coalesce(hung_up_at, clock_timestamp()), hangup_at = NULL,
        next_check_at = CASE WHEN ended_at IS NULL THEN least(next_check_at, clock_timestamp() + interval '2 s')
                             ELSE next_check_at END
    WHERE id = p_call AND dial_token = p_token
$$;
