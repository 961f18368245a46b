-- What an answer to a create says about its account: opens, lengthens or closes the breaker. The caller holds the
-- account's lock. `p_class` is the answer's class; three ambiguous ones in a row open the breaker as well.
-- Pauses double from 0.5 s (throttled, not sent), 2 s (account full) or 5 s (blocked, ambiguous) to 30 s at most.
-- Returns `opened`, `closed` or NULL.
CREATE FUNCTION ringfence_note_account(
    p_account bigint, p_class text, p_code text, p_retry_after double precision, p_call_created timestamptz
) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    a accounts%ROWTYPE;
    v_now timestamptz := clock_timestamp();
    v_first double precision := CASE p_class WHEN 'throttled' THEN 0.5 WHEN 'not_sent' THEN 0.5
                                             WHEN 'account_full' THEN 2 ELSE 5 END;
    v_pause double precision;
BEGIN
    IF p_class = 'deadline' THEN
        RETURN NULL;  -- our own delay: it says nothing about the account
    END IF;
    SELECT * INTO a FROM accounts WHERE id = p_account;
    IF p_class IN ('accepted', 'number_rejected', 'run_refused') THEN
        IF a.blocked_code IS NULL AND a.ambiguous_in_a_row = 0 AND a.refusals = 0 THEN
            RETURN NULL;
        END IF;
        IF a.blocked_since > p_call_created THEN
            RETURN NULL;  -- sent before the account was blocked
        END IF;
        -- the rate's clock also says until when the account held claims back; it allows no more and no fewer of them
        UPDATE accounts SET blocked_code = NULL, blocked_since = NULL, retry_at = NULL, refusals = 0,
            ambiguous_in_a_row = 0,
            next_dial_at = CASE WHEN a.blocked_code IS NULL THEN next_dial_at ELSE greatest(next_dial_at, v_now) END
        WHERE id = p_account;
        RETURN CASE WHEN a.blocked_code IS NOT NULL THEN 'closed' END;
    END IF;
    IF p_class = 'ambiguous' AND a.blocked_code IS NULL AND a.ambiguous_in_a_row < 2 THEN
        UPDATE accounts SET ambiguous_in_a_row = ambiguous_in_a_row + 1 WHERE id = p_account;
        RETURN NULL;
    END IF;
    IF a.blocked_since > p_call_created THEN
        RETURN NULL;  -- one of several that were under way together: it has been counted
    END IF;
    v_pause := greatest(least(coalesce(p_retry_after, 0), 300), least(30, v_first * 2 ^ least(a.refusals, 10)));
    UPDATE accounts SET blocked_code = p_code, blocked_since = coalesce(blocked_since, v_now),
        retry_at = v_now + v_pause * interval '1 s', refusals = least(refusals + 1, 1000),
        ambiguous_in_a_row = CASE p_class WHEN 'ambiguous' THEN ambiguous_in_a_row + 1 ELSE 0 END
    WHERE id = p_account;
    RETURN CASE WHEN a.blocked_code IS NULL THEN 'opened' END;
END $$;
