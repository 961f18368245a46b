-- The part of a claim that happens under one business's lock: picks runs (fewest live calls first), then each run's
-- lowest open jobs, and writes the calls, one for each of `p_slots` at most. Only runs with an open job are chosen, so
-- one whose leads are all passed over holds up no other; the floor never rises past a job that is still queued. A job
-- whose lead is gone is closed. `p_freed` says since when each slot has been free, `p_live_runs` and `p_ringing` whose
-- and to which leads the live calls are. `p_now` is the moment at which the rates were read: what is written here counts from it.
CREATE FUNCTION ringfence_claim_jobs(
    p_business bigint, p_account bigint, p_slots integer[], p_freed timestamptz[], p_live_runs bigint[],
    p_ringing bigint[], p_now timestamptz, p_worker text, p_epoch bigint, p_send_within interval, p_dial_timeout interval,
    p_max_call interval, p_from text, p_held_until timestamptz
) RETURNS TABLE (
    call_id bigint, run_id bigint, job_id bigint, attempt integer, dial_token uuid, to_number text, from_number text,
    ring_timeout integer, adopted boolean, waiting_since timestamptz
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_left integer := cardinality(p_slots);
    v_used integer := 0;
    v_live_runs bigint[] := p_live_runs;
    v_ringing bigint[] := p_ringing;
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
          AND (SELECT j.job_id FROM ringfence_open_jobs(p_business, o.id, o.claim_floor, p_account, v_ringing) j
               ORDER BY j.job_id LIMIT 1) IS NOT NULL
        ORDER BY cardinality(array_positions(v_live_runs, o.id)), o.id
        LIMIT v_left FOR NO KEY UPDATE SKIP LOCKED) x;

    WHILE v_left > 0 AND cardinality(v_runs) > 0 LOOP
        v_take := v_left;  -- with one run it takes all there is; with several the first catches up, then they share
        IF cardinality(v_runs) > 1 THEN
            SELECT array_agg(s.run_id), array_agg(s.lead_id) INTO v_live_runs, v_ringing
            FROM ringfence_slots(p_business) s WHERE s.ended_at IS NULL;
            SELECT array_agg(x.id ORDER BY x.live, x.id), array_agg(x.live ORDER BY x.live, x.id) INTO v_runs, v_live
            FROM (SELECT u.id, coalesce(cardinality(array_positions(v_live_runs, u.id)), 0) AS live FROM unnest(v_runs) u (id)) x;
            v_take := least(v_left, greatest(1, v_live[2] - v_live[1], v_left / cardinality(v_runs)));
        END IF;
        SELECT o.* INTO r FROM outbound_call_runs o WHERE o.id = v_runs[1];
        RETURN QUERY
        WITH picked AS MATERIALIZED (
            SELECT j.id, j.lead_id, j.attempts, j.updated_at, o.phone
            FROM (SELECT * FROM ringfence_open_jobs(p_business, r.id, r.claim_floor, p_account, v_ringing)
                  ORDER BY job_id LIMIT v_take) o
            JOIN outbound_call_jobs j ON j.id = o.job_id AND j.run_id = r.id  -- either index of theirs finds it at once
            WHERE j.status = 'queued' ORDER BY j.id FOR NO KEY UPDATE OF j SKIP LOCKED
        ), closed AS (
            UPDATE outbound_call_jobs j SET status = 'failed', outcome = 'not_dialed', updated_at = p_now
            FROM picked p WHERE p.phone IS NULL AND j.id = p.id
        ), numbered AS (
            SELECT *, (v_used + row_number() OVER (ORDER BY id))::integer AS n FROM picked WHERE phone IS NOT NULL
        ), written AS (
            INSERT INTO calls (business_id, run_id, job_id, lead_id, account_id, attempt, slot_no, dial_token,
                               to_number, from_number, claim_epoch, deadline, dial_timeout, created_at, expires_at,
                               next_check_at)
            SELECT p_business, r.id, p.id, p.lead_id, p_account, p.attempts + 1, p_slots[p.n], gen_random_uuid(),
                p.phone, coalesce(r.from_number, p_from), p_epoch, p_now + p_send_within, p_dial_timeout, p_now,
                p_now + p_send_within + p_dial_timeout + r.ring_timeout * interval '1 s' + p_max_call + interval '10 min',
                p_now + p_send_within + p_dial_timeout
            FROM numbered p
            RETURNING id, job_id, attempt, dial_token, to_number, from_number
        ), taken AS (
            UPDATE outbound_call_jobs j SET status = 'dialing', attempts = w.attempt, dial_lock_token = w.dial_token,
                twilio_call_sid = NULL, error_code = NULL, error_message = NULL, updated_at = p_now
            FROM written w WHERE j.id = w.job_id
        )
        SELECT w.id, r.id, w.job_id, w.attempt, w.dial_token, w.to_number, w.from_number, r.ring_timeout,
            r.locked_by_worker IS DISTINCT FROM p_worker,
            CASE WHEN p_freed[p.n] > p.updated_at THEN least(greatest(p_freed[p.n], p_held_until), p_now) END
        FROM written w JOIN numbered p ON p.id = w.job_id ORDER BY p.n;
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
        v_used := v_used + v_got;
        IF v_got < v_take THEN  -- this run has nothing more to give now
            v_runs := v_runs[2:];
        END IF;
    END LOOP;
END $$;
