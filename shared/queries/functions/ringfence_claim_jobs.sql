-- The part of a claim that happens under one business's lock: picks runs (fewest live calls first), then each run's
-- lowest open jobs, and writes the calls. Only runs with an open job are chosen, so one whose leads are all passed over
-- holds up no other; the floor never rises past a job that is still queued. A job whose lead is gone is closed.
-- `p_now` is the moment at which the rates were read: what is written here counts from it.
CREATE FUNCTION ringfence_claim_jobs(
    p_business bigint, p_account bigint, p_cap integer, p_free integer, p_want integer, p_now timestamptz,
    p_worker text, p_epoch bigint, p_send_within interval, p_dial_timeout interval, p_max_call interval, p_from text,
    p_held_until timestamptz
) RETURNS TABLE (
    call_id bigint, run_id bigint, job_id bigint, attempt integer, dial_token uuid, to_number text, from_number text,
    ring_timeout integer, adopted boolean, waiting_since timestamptz
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_left integer := p_want;
    v_got integer;
    v_take integer;
    v_runs bigint[];
    v_live integer[];
    r record;
BEGIN
    -- the limit counts locked rows: a run that somebody holds, or that was cancelled meanwhile, makes room for the next
    SELECT coalesce(array_agg(x.id), '{}') INTO v_runs FROM (
        SELECT o.id FROM outbound_call_runs o
        WHERE o.business_id = p_business AND o.ended_at IS NULL AND NOT o.cancel_requested
          AND (SELECT j.job_id FROM ringfence_open_jobs(p_business, o.id, o.claim_floor, p_account) j
               ORDER BY j.job_id LIMIT 1) IS NOT NULL
        ORDER BY (SELECT count(*) FROM calls c
                  WHERE c.business_id = p_business AND c.run_id = o.id AND c.ended_at IS NULL), o.id
        LIMIT p_want FOR NO KEY UPDATE SKIP LOCKED) x;

    WHILE v_left > 0 AND cardinality(v_runs) > 0 LOOP
        SELECT array_agg(x.id ORDER BY x.live, x.id), array_agg(x.live ORDER BY x.live, x.id) INTO v_runs, v_live
        FROM (SELECT u.id, (SELECT count(*)::integer FROM calls c WHERE c.business_id = p_business AND c.run_id = u.id
                              AND c.ended_at IS NULL) AS live
              FROM unnest(v_runs) u (id)) x;
        -- with one run it takes all there is; with several the first catches up with the second, then they share
        v_take := CASE WHEN cardinality(v_runs) = 1 THEN v_left
            ELSE least(v_left, greatest(1, v_live[2] - v_live[1], v_left / cardinality(v_runs))) END;
        SELECT o.* INTO r FROM outbound_call_runs o WHERE o.id = v_runs[1];
        UPDATE outbound_call_jobs j SET status = 'failed', outcome = 'not_dialed', updated_at = p_now
        WHERE j.id IN (SELECT o.job_id FROM ringfence_open_jobs(p_business, r.id, r.claim_floor, p_account) o
                       ORDER BY o.job_id LIMIT v_take)
          AND NOT EXISTS (SELECT 1 FROM leads l WHERE l.id = j.lead_id AND l.business_id = p_business);
        RETURN QUERY
        WITH picked AS MATERIALIZED (
            SELECT j.id, j.lead_id, j.attempts, j.updated_at, o.phone
            FROM (SELECT * FROM ringfence_open_jobs(p_business, r.id, r.claim_floor, p_account)
                  ORDER BY job_id LIMIT v_take) o
            JOIN outbound_call_jobs j ON j.id = o.job_id
            WHERE j.status = 'queued' AND o.phone IS NOT NULL
            ORDER BY j.id FOR NO KEY UPDATE OF j SKIP LOCKED
        ), numbered AS (
            SELECT *, row_number() OVER (ORDER BY id) AS n FROM picked
        ), held AS MATERIALIZED (
            SELECT c.slot_no FROM calls c WHERE c.business_id = p_business AND c.ended_at IS NULL
        ), slots AS (
            SELECT s.no, row_number() OVER (ORDER BY s.no) AS n FROM generate_series(0, p_cap - 1) s (no)
            WHERE s.no NOT IN (SELECT h.slot_no FROM held h)
            LIMIT v_take
        ), ends AS (
            -- the free slots were freed by as many latest ends; the ones freed first are taken first. With more than a
            -- hundred free no job waits for a slot, and the walk must not grow with the cap.
            SELECT e.ended_at, row_number() OVER (ORDER BY e.ended_at) AS n
            FROM (SELECT c.ended_at FROM calls c
                  WHERE c.business_id = p_business AND c.ended_at IS NOT NULL AND c.duplicate_of IS NULL
                  ORDER BY c.ended_at DESC LIMIT least(p_free - (p_want - v_left), 100)) e
        ), written AS (
            INSERT INTO calls (business_id, run_id, job_id, lead_id, account_id, attempt, slot_no, dial_token,
                               to_number, from_number, claim_epoch, deadline, dial_timeout, created_at, expires_at,
                               next_check_at)
            SELECT p_business, r.id, p.id, p.lead_id, p_account, p.attempts + 1, s.no, gen_random_uuid(),
                p.phone, coalesce(r.from_number, p_from), p_epoch, p_now + p_send_within, p_dial_timeout, p_now,
                p_now + p_send_within + p_dial_timeout + r.ring_timeout * interval '1 s' + p_max_call + interval '10 min',
                p_now + p_send_within + p_dial_timeout
            FROM numbered p JOIN slots s USING (n)
            RETURNING id, job_id, attempt, dial_token, to_number, from_number
        ), taken AS (
            UPDATE outbound_call_jobs j SET status = 'dialing', attempts = w.attempt, dial_lock_token = w.dial_token,
                twilio_call_sid = NULL, error_code = NULL, error_message = NULL, updated_at = p_now
            FROM written w WHERE j.id = w.job_id
        )
        SELECT w.id, r.id, w.job_id, w.attempt, w.dial_token, w.to_number, w.from_number, r.ring_timeout,
            r.locked_by_worker IS DISTINCT FROM p_worker,
            CASE WHEN e.ended_at > p.updated_at THEN least(greatest(e.ended_at, p_held_until), p_now) END
        FROM written w JOIN numbered p ON p.id = w.job_id LEFT JOIN ends e USING (n) ORDER BY w.job_id;
        GET DIAGNOSTICS v_got = ROW_COUNT;
        IF v_got > 0 THEN
            UPDATE outbound_call_runs o SET status = 'running', started_at = coalesce(o.started_at, p_now),
                locked_by_worker = p_worker, lock_ts = p_now, last_heartbeat_at = p_now, updated_at = p_now,
                nudged_at = NULL, last_nudge_at = NULL,
                claim_floor = coalesce(
                    (SELECT j.id FROM outbound_call_jobs j WHERE j.run_id = o.id AND j.status = 'queued'
                       AND j.id >= o.claim_floor ORDER BY j.id LIMIT 1),
                    (SELECT max(c.job_id) + 1 FROM calls c WHERE c.business_id = p_business AND c.run_id = o.id
                       AND c.ended_at IS NULL))
            WHERE o.id = r.id;
        END IF;
        v_left := v_left - v_got;
        IF v_got < v_take THEN  -- this run has nothing more to give now
            v_runs := v_runs[2:];
        END IF;
    END LOOP;
END $$;
