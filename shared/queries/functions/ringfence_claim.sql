-- Claims jobs for the businesses named, one round trip: counts each one's live calls under its lock, takes as many
-- queued jobs as slots, rates and `p_limit` allow, and writes the call rows whose creates may then be sent.
-- Locks: account, business, run, job; whatever somebody else holds is skipped and reported as `busy`.
-- Returns a row per claimed call (`claimed`; `waited` is how many seconds its slot had been free while the job was
-- queued and no rate or block held it back, NULL where it was not), then one row per business that says why it got no more.
CREATE FUNCTION ringfence_claim(
    p_businesses bigint[], p_worker text, p_epoch bigint, p_limit integer, p_send_within interval,
    p_dial_timeout interval, p_max_call interval, p_default_from text
) RETURNS TABLE (
    business_id bigint, verdict text, retry_in double precision, call_id bigint, run_id bigint, job_id bigint,
    attempt integer, dial_token uuid, to_number text, from_number text, ring_timeout integer,
    account_id bigint, account_sid text, account_is_shared boolean, auth_token_sealed bytea, adopted boolean,
    waited double precision
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_accounts bigint[];
    v_businesses bigint[];
    v_shared bigint;
    v_left integer := p_limit;
    v_free integer;
    v_want integer;
    v_got integer;
    v_now timestamptz;
    b record;
    a record;
    v_verdict text;
    v_retry double precision;
BEGIN
    SELECT CASE WHEN l.epoch <> p_epoch OR l.holder IS DISTINCT FROM p_worker THEN 'fenced'
                WHEN NOT l.database_trusted OR l.identity IS DISTINCT FROM ringfence_database_identity() THEN 'untrusted'
           END INTO v_verdict
    FROM dispatcher_lease l WHERE l.partition = 0;
    IF v_verdict IS NOT NULL THEN
        RETURN QUERY SELECT x, v_verdict, NULL::double precision, NULL::bigint, NULL::bigint, NULL::bigint,
            NULL::integer, NULL::uuid, NULL::text, NULL::text, NULL::integer, NULL::bigint, NULL::text, NULL::boolean,
            NULL::bytea, NULL::boolean, NULL::double precision FROM unnest(p_businesses) x;
        RETURN;
    END IF;
    SELECT id INTO v_shared FROM accounts WHERE is_shared;
    SELECT coalesce(array_agg(id), '{}') INTO v_accounts FROM (
        SELECT id FROM accounts
        WHERE id IN (SELECT coalesce(o.account_id, v_shared) FROM businesses o WHERE o.id = ANY (p_businesses))
        ORDER BY id FOR NO KEY UPDATE SKIP LOCKED) x;
    SELECT coalesce(array_agg(id), '{}') INTO v_businesses FROM (
        SELECT id FROM businesses WHERE id = ANY (p_businesses) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED) x;

    FOR b IN
        SELECT o.*, coalesce(o.account_id, v_shared) AS account, o.id = ANY (v_businesses) AS held
        FROM businesses o WHERE o.id = ANY (p_businesses) ORDER BY o.last_claim_at NULLS FIRST, o.id
    LOOP
        v_now := clock_timestamp();
        v_retry := NULL;
        SELECT * INTO a FROM accounts WHERE id = b.account;
        v_free := b.max_concurrent_calls
            - (SELECT count(*)::integer FROM calls c WHERE c.business_id = b.id AND c.ended_at IS NULL);
        v_verdict := CASE
            WHEN a.id IS NULL OR coalesce(b.from_number, CASE WHEN a.is_shared THEN p_default_from END) IS NULL
                THEN 'no_account'
            WHEN NOT b.held OR NOT a.id = ANY (v_accounts) THEN 'busy'
            WHEN v_free <= 0 THEN 'slots'
            WHEN a.blocked_code IS NOT NULL AND a.retry_at > v_now THEN 'provider'
            WHEN v_left <= 0 THEN 'more'
        END;
        IF v_verdict IS NULL THEN
            v_want := least(v_free, v_left, ringfence_tokens(a.next_dial_at, a.calls_per_second, v_now),
                            ringfence_tokens(b.next_dial_at, b.calls_per_second, v_now),
                            CASE WHEN a.blocked_code IS NOT NULL THEN 1 END);  -- one probe
            v_got := 0;
            IF v_want > 0 THEN
                RETURN QUERY SELECT b.id, 'claimed', NULL::double precision, k.call_id, k.run_id, k.job_id, k.attempt,
                    k.dial_token, k.to_number, k.from_number, k.ring_timeout, a.id, a.account_sid, a.is_shared,
                    CASE WHEN a.is_shared THEN NULL ELSE b.auth_token_sealed END, k.adopted,
                    extract(epoch FROM v_now - k.waiting_since)::double precision
                FROM ringfence_claim_jobs(b.id, a.id, b.max_concurrent_calls, v_free, v_want, v_now, p_worker,
                                          p_epoch, p_send_within, p_dial_timeout, p_max_call,
                                          CASE WHEN a.is_shared THEN coalesce(b.from_number, p_default_from)
                                               ELSE b.from_number END,
                                          greatest(b.next_dial_at, a.next_dial_at, a.retry_at)) k;
                GET DIAGNOSTICS v_got = ROW_COUNT;
            END IF;
            IF v_got > 0 THEN
                v_left := v_left - v_got;
                UPDATE accounts SET
                    next_dial_at = greatest(next_dial_at, v_now) + v_got * interval '1 s' / calls_per_second,
                    retry_at = CASE WHEN blocked_code IS NOT NULL THEN v_now + p_send_within + p_dial_timeout END
                WHERE id = a.id RETURNING * INTO a;
                UPDATE businesses SET last_claim_at = v_now,
                    next_dial_at = greatest(next_dial_at, v_now) + v_got * interval '1 s' / calls_per_second
                WHERE id = b.id RETURNING next_dial_at INTO b.next_dial_at;
            END IF;
            v_verdict := CASE
                WHEN v_got >= v_free THEN 'slots'
                WHEN a.blocked_code IS NOT NULL AND v_got > 0 THEN 'provider'
                WHEN v_got < v_want THEN ringfence_claim_obstacle(b.id, a.id)
                WHEN NOT ringfence_has_queued(b.id) THEN 'idle'
                WHEN v_left <= 0 THEN 'more'
                ELSE 'rate'
            END;
        END IF;
        v_retry := CASE v_verdict
            WHEN 'rate' THEN extract(epoch FROM greatest(b.next_dial_at, a.next_dial_at) - v_now)
            WHEN 'provider' THEN extract(epoch FROM a.retry_at - v_now)
        END;
        RETURN QUERY SELECT b.id, v_verdict, greatest(v_retry, 0), NULL::bigint, NULL::bigint, NULL::bigint,
            NULL::integer, NULL::uuid, NULL::text, NULL::text, NULL::integer, a.id, a.account_sid, NULL::boolean,
            NULL::bytea, NULL::boolean, NULL::double precision;
    END LOOP;
END $$;
