-- Makes a business (`p_business` NULL) or changes one. Keys that `p_fields` lacks stay as they are. With an account's
-- sid and a sealed token the business gets an account of its own, with `p_detach` it goes back to the shared one.
-- Run under the platform's role whenever an account or the rate is touched: an account's rate is the largest of all
-- its businesses', and only that role sees them all. Locks: accounts in id order, then the business. `verdict` is
-- done, not_found, taken (somebody else's account, and not `p_may_share`) or live_calls: calls of the present account
-- can be followed only with the token that the change would remove.
CREATE FUNCTION ringfence_save_business(
    p_business bigint, p_fields jsonb, p_account_sid text, p_token bytea, p_detach boolean, p_may_share boolean
) RETURNS TABLE (verdict text, id bigint) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_id bigint := p_business;
    v_old bigint;
    v_new bigint;
    b businesses%ROWTYPE;
BEGIN
    PERFORM set_config('ringfence.business_id', coalesce(p_business::text, ''), true);
    SELECT o.account_id INTO v_old FROM businesses o WHERE o.id = p_business;
    IF p_account_sid IS NOT NULL THEN
        INSERT INTO accounts (account_sid, calls_per_second) VALUES (p_account_sid, 1) ON CONFLICT DO NOTHING;
        SELECT a.id INTO v_new FROM accounts a WHERE a.account_sid = p_account_sid;
    ELSIF NOT p_detach THEN
        v_new := v_old;
    END IF;
    PERFORM 1 FROM accounts a WHERE a.id IN (v_old, v_new) ORDER BY a.id FOR NO KEY UPDATE;
    IF p_business IS NOT NULL THEN
        SELECT * INTO b FROM businesses o WHERE o.id = p_business FOR NO KEY UPDATE;
        IF b.id IS NULL THEN
            RETURN QUERY SELECT 'not_found', NULL::bigint;
            RETURN;
        END IF;
        IF b.account_id IS DISTINCT FROM v_old THEN
            RAISE EXCEPTION 'business % was changed meanwhile', p_business USING ERRCODE = 'serialization_failure';
        END IF;
    END IF;
    IF p_account_sid IS NOT NULL AND NOT p_may_share AND (
            EXISTS (SELECT 1 FROM accounts a WHERE a.id = v_new AND a.is_shared)
            OR EXISTS (SELECT 1 FROM businesses o WHERE o.account_id = v_new AND o.id IS DISTINCT FROM p_business)) THEN
        RETURN QUERY SELECT 'taken', NULL::bigint;
        RETURN;
    END IF;
    IF v_new IS DISTINCT FROM v_old AND EXISTS (
            SELECT 1 FROM calls c JOIN accounts a ON a.id = c.account_id
            WHERE c.business_id = p_business AND c.ended_at IS NULL AND c.account_id = v_old AND NOT a.is_shared) THEN
        RETURN QUERY SELECT 'live_calls', NULL::bigint;
        RETURN;
    END IF;
    IF p_business IS NULL THEN
        INSERT INTO businesses (name, max_concurrent_calls, calls_per_second, default_region, locale, account_id,
                                auth_token_sealed, from_number)
        SELECT x.name, x.max_concurrent_calls, x.calls_per_second, coalesce(x.default_region, 'IL'),
            coalesce(x.locale, 'en'), v_new, p_token, x.from_number
        FROM jsonb_to_record(p_fields) AS x (name text, max_concurrent_calls integer, calls_per_second double precision,
                                             default_region text, locale text, from_number text)
        RETURNING businesses.id INTO v_id;
    ELSE
        UPDATE businesses o SET
            name = coalesce(x.name, o.name),
            max_concurrent_calls = coalesce(x.max_concurrent_calls, o.max_concurrent_calls),
            calls_per_second = coalesce(x.calls_per_second, o.calls_per_second),
            default_region = coalesce(x.default_region, o.default_region),
            locale = coalesce(x.locale, o.locale),
            account_id = v_new,
            auth_token_sealed = CASE WHEN p_detach THEN NULL ELSE coalesce(p_token, o.auth_token_sealed) END,
            from_number = CASE WHEN p_detach THEN NULL ELSE coalesce(x.from_number, o.from_number) END,
            updated_at = clock_timestamp()
        FROM jsonb_to_record(p_fields) AS x (name text, max_concurrent_calls integer, calls_per_second double precision,
                                             default_region text, locale text, from_number text)
        WHERE o.id = p_business;
    END IF;
    IF v_new IS DISTINCT FROM v_old OR p_fields ? 'calls_per_second' THEN
        UPDATE accounts a SET calls_per_second = s.rate
        FROM (SELECT o.account_id, max(o.calls_per_second) AS rate FROM businesses o
              WHERE o.account_id IN (v_old, v_new) GROUP BY o.account_id) s
        WHERE a.id = s.account_id AND NOT a.is_shared AND a.calls_per_second <> s.rate;
    END IF;
    RETURN QUERY SELECT 'done', v_id;
END $$;
