-- Makes a run and its jobs from lead ids in the order given, or from the leads that an ended run never rang, one round
-- trip however many there are. Ids given twice and ids that are not this business's are skipped and listed. With no
-- lead left nothing is written. `verdict` is done, repeat (same key and body: `answer` is the first one), mismatch
-- (same key, other body), no_leads, or for `p_from_run` not_found and active.
CREATE FUNCTION ringfence_start_run(
    p_business bigint, p_leads bigint[], p_from_run bigint, p_run jsonb, p_user text, p_key text, p_body_hash bytea
) RETURNS TABLE (verdict text, run_id bigint, answer jsonb) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_leads bigint[] := p_leads;
    v_run bigint;
    v_queued integer;
    v_skipped jsonb;
    v_answer jsonb;
    k idempotency_keys%ROWTYPE;
    o outbound_call_runs%ROWTYPE;
BEGIN
    PERFORM set_config('ringfence.business_id', p_business::text, true);
    IF p_key IS NOT NULL THEN
        -- two at once: the second waits here until the first has committed
        PERFORM pg_advisory_xact_lock(hashtextextended(p_key, p_business));
        DELETE FROM idempotency_keys WHERE business_id = p_business AND key = p_key
            AND created_at < clock_timestamp() - interval '24 h';
        SELECT * INTO k FROM idempotency_keys WHERE business_id = p_business AND key = p_key;
        IF k.key IS NOT NULL THEN
            RETURN QUERY SELECT CASE WHEN k.body_hash = p_body_hash THEN 'repeat' ELSE 'mismatch' END, k.run_id, k.answer;
            RETURN;
        END IF;
    END IF;
    IF p_from_run IS NOT NULL THEN
        SELECT * INTO o FROM outbound_call_runs WHERE id = p_from_run AND business_id = p_business;
        IF o.id IS NULL OR o.ended_at IS NULL THEN
            RETURN QUERY SELECT CASE WHEN o.id IS NULL THEN 'not_found' ELSE 'active' END, NULL::bigint, NULL::jsonb;
            RETURN;
        END IF;
        SELECT coalesce(array_agg(j.lead_id ORDER BY j.id), '{}') INTO v_leads FROM outbound_call_jobs j
        WHERE j.run_id = o.id AND NOT j.dialed AND j.lead_id IS NOT NULL
          AND (j.status = 'cancelled' OR j.outcome = 'not_dialed');
    END IF;
    IF NOT EXISTS (SELECT 1 FROM leads l WHERE l.business_id = p_business AND l.id = ANY (v_leads)) THEN
        RETURN QUERY SELECT 'no_leads', NULL::bigint, jsonb_build_object('skipped', ringfence_skipped_leads(p_business, v_leads));
        RETURN;
    END IF;
    INSERT INTO outbound_call_runs (business_id, name, on_uncertain, created_by_user_id, twiml, twiml_url, from_number,
                                    ring_timeout)
    VALUES (p_business, p_run ->> 'name', coalesce(p_run ->> 'on_uncertain', 'redial_when_absent'), p_user,
            p_run ->> 'twiml', p_run ->> 'twiml_url', p_run ->> 'from_number',
            coalesce((p_run ->> 'ring_timeout')::integer, 60))
    RETURNING id INTO v_run;
    INSERT INTO outbound_call_jobs (business_id, run_id, lead_id, status)
    SELECT p_business, v_run, u.lead_id, 'queued'
    FROM (SELECT x.lead_id, min(x.n) AS n FROM unnest(v_leads) WITH ORDINALITY x (lead_id, n) GROUP BY x.lead_id) u
    JOIN leads l ON l.id = u.lead_id AND l.business_id = p_business
    ORDER BY u.n;
    GET DIAGNOSTICS v_queued = ROW_COUNT;
    v_skipped := CASE WHEN v_queued < cardinality(v_leads) THEN ringfence_skipped_leads(p_business, v_leads)
                      ELSE '[]'::jsonb END;
    UPDATE outbound_call_runs SET total_leads = v_queued,
        claim_floor = (SELECT min(j.id) FROM outbound_call_jobs j WHERE j.run_id = v_run) WHERE id = v_run;
    v_answer := jsonb_build_object('success', true, 'run_id', v_run, 'status', 'pending', 'total_leads', v_queued,
                                   'queued', v_queued, 'skipped', v_skipped);
    IF p_key IS NOT NULL THEN
        INSERT INTO idempotency_keys (business_id, key, body_hash, run_id, answer)
        VALUES (p_business, p_key, p_body_hash, v_run, v_answer);
    END IF;
    RETURN QUERY SELECT 'done', v_run, v_answer;
END $$;
