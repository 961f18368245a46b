-- Notes what came of a hang-up: `p_done` when the provider took it or said that the call had ended, else it is tried
-- again in two seconds. A call that was still queued there is cancelled without a callback, so a live one is looked at
-- soon, and again after short pauses.
CREATE FUNCTION ringfence_note_hangup(p_call bigint, p_token uuid, p_done boolean) RETURNS void
LANGUAGE sql VOLATILE AS $$
    UPDATE calls SET
        hung_up_at = CASE WHEN p_done THEN coalesce(hung_up_at, clock_timestamp()) ELSE hung_up_at END,
        hangup_at = CASE WHEN NOT p_done AND hangup_at IS NOT NULL THEN clock_timestamp() + interval '2 s' END,
        checks = CASE WHEN p_done THEN 0 ELSE checks END,
        next_check_at = CASE WHEN p_done AND ended_at IS NULL
                                 THEN least(next_check_at, clock_timestamp() + interval '2 s')
                             ELSE next_check_at END
    WHERE id = p_call AND dial_token = p_token
$$;
