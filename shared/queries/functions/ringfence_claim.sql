-- Claims jobs for the businesses named, one round trip: counts each one's live calls under its lock, takes as many
-- queued jobs as slots, rates and `p_limit` allow, and writes the call rows whose creates may then be sent.
-- Locks: account, business, run, job; whatever somebody else holds is skipped and reported as `busy`.
-- Returns a row per claimed call (`claimed`; `waited` is how many seconds its slot had been free while the job was
-- queued and no rate or block held it back, NULL where it was not), then one row per business that says why it got no more.
-- The claim is fenced by the lease of `p_partition`, and takes its businesses into that partition.
-- Its plans are made once and walk indexes in their order: made anew for each claim they took as long as the claim itself,
-- and one made while the tables were small, or before anybody analysed them, would read all of a run's jobs to sort them.
CREATE FUNCTION ringfence_claim(
    p_businesses bigint[], p_worker text, p_epoch bigint, p_limit integer, p_send_within interval,
    p_dial_timeout interval, p_max_call interval, p_default_from text, p_partition integer DEFAULT 0
) RETURNS TABLE (
    business_id bigint, verdict text, retry_in double precision, call_id bigint, run_id bigint, job_id bigint,
    attempt integer, dial_token uuid, to_number text, from_number text, ring_timeout integer,
    account_id bigint, account_sid text, account_is_shared boolean, auth_token_sealed bytea, adopted boolean,
    waited double precision
) LANGUAGE plpgsql VOLATILE SET plan_cache_mode TO force_generic_plan
SET enable_seqscan TO off SET enable_bitmapscan TO off SET enable_hashjoin TO off SET enable_mergejoin TO off AS $$
#variable_conflict use_column
DECLARE
    v_accounts bigint[];
    v_next timestamptz[];  -- by place in v_accounts: when it may dial next, once it has claimed here
    v_retry_at timestamptz[];  -- likewise: when it may be tried again, once its probe was claimed here
    v_businesses bigint[];
    v_claimed bigint[] := '{}';
    v_claimed_next timestamptz[] := '{}';
    v_shared bigint;
    v_left integer := p_limit;
    v_free integer;
    v_want integer;
    v_got integer;
    v_now timestamptz := clock_timestamp();
    v_held_until timestamptz;
    v_slots integer[];
    v_freed timestamptz[];
    v_live_runs bigint[];
    v_ringing bigint[];
    b record;
    v_verdict text;
BEGIN
    SELECT CASE WHEN l.epoch <> p_epoch OR l.holder IS DISTINCT FROM p_worker THEN 'fenced'
                WHEN NOT ringfence_database_trusted() OR l.identity IS NULL THEN 'untrusted'
           END INTO v_verdict
    FROM dispatcher_lease l WHERE l.partition = p_partition;
    IF NOT FOUND THEN
        v_verdict := 'fenced';
    END IF;
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
    v_next := array_fill(NULL::timestamptz, ARRAY[cardinality(v_accounts)]);
    v_retry_at := v_next;

    FOR b IN
        SELECT o.id, o.max_concurrent_calls AS cap, o.calls_per_second AS rate, o.next_dial_at AS next_at,
            o.auth_token_sealed, a.id AS account, a.account_sid, a.is_shared, a.calls_per_second AS account_rate,
            a.next_dial_at AS account_next_at, a.blocked_code, a.retry_at,
            coalesce(o.from_number, CASE WHEN a.is_shared THEN p_default_from END) AS caller,
            array_position(v_accounts, a.id) AS place, o.id = ANY (v_businesses) AS held
        FROM businesses o LEFT JOIN accounts a ON a.id = coalesce(o.account_id, v_shared)
        WHERE o.id = ANY (p_businesses) ORDER BY o.last_claim_at NULLS FIRST, o.id
    LOOP
        v_now := clock_timestamp();
        b.account_next_at := coalesce(v_next[b.place], b.account_next_at);
        b.retry_at := coalesce(v_retry_at[b.place], b.retry_at);
        SELECT (count(*) FILTER (WHERE s.ended_at IS NULL))::integer,
            coalesce(array_agg(s.run_id) FILTER (WHERE s.ended_at IS NULL), '{}'),
            coalesce(array_agg(s.lead_id) FILTER (WHERE s.ended_at IS NULL), '{}'),
            coalesce(array_agg(s.slot_no ORDER BY s.ended_at, s.slot_no)
                     FILTER (WHERE s.ended_at IS NOT NULL AND s.slot_no < b.cap), '{}'),
            coalesce(array_agg(s.ended_at ORDER BY s.ended_at, s.slot_no)
                     FILTER (WHERE s.ended_at IS NOT NULL AND s.slot_no < b.cap), '{}')
        INTO v_free, v_live_runs, v_ringing, v_slots, v_freed FROM ringfence_slots(b.id) s;
        v_free := b.cap - v_free;
        v_verdict := CASE
            WHEN b.account IS NULL OR b.caller IS NULL THEN 'no_account'
            WHEN NOT b.held OR b.place IS NULL THEN 'busy'
            WHEN v_free <= 0 THEN 'slots'
            WHEN b.blocked_code IS NOT NULL AND b.retry_at > v_now THEN 'provider'
            WHEN v_left <= 0 THEN 'more'
        END;
        IF v_verdict IS NULL THEN
            v_want := least(v_free, v_left, ringfence_tokens(b.account_next_at, b.account_rate, v_now),
                            ringfence_tokens(b.next_at, b.rate, v_now),
                            CASE WHEN b.blocked_code IS NOT NULL THEN 1 END);  -- one probe
            v_got := 0;
            IF v_want > 0 THEN
                IF v_want > cardinality(v_slots) THEN  -- those that never were used come last
                    v_slots := v_slots || ARRAY(
                        SELECT n FROM generate_series(0, b.cap - 1) n
                        WHERE n NOT IN (SELECT s.slot_no FROM ringfence_slots(b.id) s)
                        LIMIT v_want - cardinality(v_slots));
                END IF;
                v_held_until := greatest(b.next_at, b.account_next_at, b.retry_at);
                RETURN QUERY SELECT b.id, 'claimed', NULL::double precision, k.call_id, k.run_id, k.job_id, k.attempt,
                    k.dial_token, k.to_number, k.from_number, k.ring_timeout, b.account, b.account_sid, b.is_shared,
                    CASE WHEN b.is_shared THEN NULL ELSE b.auth_token_sealed END, k.adopted,
                    extract(epoch FROM v_now - k.waiting_since)::double precision
                FROM ringfence_claim_jobs(b.id, b.account, v_slots[1:v_want], v_freed, v_live_runs, v_ringing, v_now,
                                          p_worker, p_epoch, p_send_within, p_dial_timeout, p_max_call, b.caller,
                                          v_held_until) k;
                GET DIAGNOSTICS v_got = ROW_COUNT;
            END IF;
            IF v_got > 0 THEN
                v_left := v_left - v_got;
                b.account_next_at := greatest(b.account_next_at, v_now) + v_got * interval '1 s' / b.account_rate;
                b.next_at := greatest(b.next_at, v_now) + v_got * interval '1 s' / b.rate;
                v_next[b.place] := b.account_next_at;
                IF b.blocked_code IS NOT NULL THEN
                    b.retry_at := v_now + p_send_within + p_dial_timeout;
                    v_retry_at[b.place] := b.retry_at;
                END IF;
                v_claimed := v_claimed || b.id;
                v_claimed_next := v_claimed_next || b.next_at;
            END IF;
            v_verdict := CASE
                WHEN v_got >= v_free THEN 'slots'
                WHEN b.blocked_code IS NOT NULL AND v_got > 0 THEN 'provider'
                WHEN v_got < v_want THEN ringfence_claim_obstacle(b.id, b.account)
                WHEN NOT ringfence_has_queued(b.id) THEN 'idle'
                WHEN v_left <= 0 THEN 'more'
                ELSE 'rate'
            END;
        END IF;
        business_id := b.id;
        verdict := v_verdict;
        retry_in := greatest(0, CASE v_verdict
            WHEN 'rate' THEN extract(epoch FROM greatest(b.next_at, b.account_next_at) - v_now)
            WHEN 'provider' THEN extract(epoch FROM b.retry_at - v_now)
        END);
        account_id := b.account;
        account_sid := b.account_sid;
        RETURN NEXT;
    END LOOP;

    IF cardinality(v_claimed) > 0 THEN  -- once for all: a row written for each call would be read through by the next
        UPDATE accounts a SET next_dial_at = x.next_at, retry_at = coalesce(x.retry_at, a.retry_at)
        FROM unnest(v_accounts, v_next, v_retry_at) x (id, next_at, retry_at) WHERE a.id = x.id AND x.next_at IS NOT NULL;
        UPDATE businesses o SET next_dial_at = x.next_at, dispatch_partition = p_partition,
            -- in the order in which they were served, which is whose turn it is next time
            last_claim_at = v_now - (cardinality(v_claimed) - x.n) * interval '1 microsecond'
        FROM unnest(v_claimed, v_claimed_next) WITH ORDINALITY x (id, next_at, n) WHERE o.id = x.id;
    END IF;
END $$;
