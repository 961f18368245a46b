-- Each step has a name for the log and one statement. Order matters: words first, then owners, orphans, doubles.
-- Dates that are missing are one instant, so that among rows without dates the lowest id is the oldest.

-- step: run_dates_filled
UPDATE outbound_call_runs SET created_at = coalesce(created_at, started_at, updated_at, now()),
    updated_at = coalesce(updated_at, created_at, started_at, now())
WHERE created_at IS NULL OR updated_at IS NULL
-- step: job_dates_filled
UPDATE outbound_call_jobs SET created_at = coalesce(created_at, updated_at, now()),
    updated_at = coalesce(updated_at, created_at, now())
WHERE created_at IS NULL OR updated_at IS NULL
-- step: run_status_translated
UPDATE outbound_call_runs SET status = CASE lower(btrim(coalesce(status, '')))
        WHEN 'pending' THEN 'pending' WHEN 'queued' THEN 'pending' WHEN 'created' THEN 'pending'
        WHEN 'running' THEN 'running' WHEN 'active' THEN 'running' WHEN 'in_progress' THEN 'running'
        WHEN 'processing' THEN 'running' WHEN 'completed' THEN 'completed' WHEN 'done' THEN 'completed'
        WHEN 'cancelled' THEN 'cancelled' WHEN 'canceled' THEN 'cancelled'
        WHEN 'stopped' THEN 'stopped' WHEN 'paused' THEN 'stopped' ELSE 'failed' END
WHERE status IS NULL OR status NOT IN ('pending', 'running', 'completed', 'cancelled', 'stopped', 'failed')
-- step: job_status_translated
UPDATE outbound_call_jobs SET status = CASE lower(btrim(coalesce(status, '')))
        WHEN 'queued' THEN 'queued' WHEN 'pending' THEN 'queued' WHEN 'dialing' THEN 'dialing'
        WHEN 'calling' THEN 'dialing' WHEN 'in_progress' THEN 'in_progress' WHEN 'ringing' THEN 'in_progress'
        WHEN 'completed' THEN 'completed' WHEN 'done' THEN 'completed'
        WHEN 'cancelled' THEN 'cancelled' WHEN 'canceled' THEN 'cancelled' ELSE 'failed' END
WHERE status IS NULL OR status NOT IN ('queued', 'dialing', 'in_progress', 'completed', 'failed', 'cancelled')
-- step: run_business_taken_from_jobs
UPDATE outbound_call_runs r SET business_id = j.business_id
FROM (SELECT run_id, min(business_id) AS business_id FROM outbound_call_jobs GROUP BY run_id
      HAVING count(DISTINCT business_id) = 1) j
WHERE r.business_id IS NULL AND j.run_id = r.id
-- step: orphaned_jobs_removed
DELETE FROM outbound_call_jobs j
WHERE NOT EXISTS (SELECT 1 FROM outbound_call_runs r WHERE r.id = j.run_id AND r.business_id IS NOT NULL)
-- step: runs_of_nobody_removed
DELETE FROM outbound_call_runs WHERE business_id IS NULL
-- step: job_business_taken_from_run
UPDATE outbound_call_jobs j SET business_id = r.business_id
FROM outbound_call_runs r
WHERE r.id = j.run_id AND j.business_id IS DISTINCT FROM r.business_id
-- step: doubled_jobs_keep_what_was_dialled
UPDATE outbound_call_jobs j SET status = d.status, outcome = d.outcome, twilio_call_sid = d.twilio_call_sid
FROM (SELECT DISTINCT ON (k.id) k.id, o.status, o.outcome, o.twilio_call_sid
      FROM outbound_call_jobs k JOIN outbound_call_jobs o
        ON o.run_id = k.run_id AND o.lead_id IS NOT DISTINCT FROM k.lead_id AND (o.created_at, o.id) > (k.created_at, k.id)
      WHERE k.status IN ('queued', 'cancelled') AND o.status NOT IN ('queued', 'cancelled')
      ORDER BY k.id, o.created_at, o.id) d
WHERE d.id = j.id
-- step: doubled_jobs_removed
DELETE FROM outbound_call_jobs j
USING (SELECT id, row_number() OVER (PARTITION BY run_id, lead_id ORDER BY created_at, id) AS nth
       FROM outbound_call_jobs) d
WHERE d.id = j.id AND d.nth > 1
-- step: businesses_added
INSERT INTO businesses (id, name)
SELECT DISTINCT r.business_id, 'Business ' || r.business_id FROM outbound_call_runs r
WHERE NOT EXISTS (SELECT 1 FROM businesses b WHERE b.id = r.business_id)
-- step: jobs_of_unknown_fate_failed
UPDATE outbound_call_jobs j SET status = 'failed', outcome = 'uncertain', dialed = true
WHERE status IN ('dialing', 'in_progress') AND NOT EXISTS (SELECT 1 FROM calls c WHERE c.job_id = j.id)
-- step: jobs_without_lead_failed
UPDATE outbound_call_jobs SET status = 'failed', outcome = 'not_dialed' WHERE status = 'queued' AND lead_id IS NULL
-- step: queued_jobs_of_ended_runs_failed
UPDATE outbound_call_jobs j SET status = 'failed', outcome = 'not_dialed'
FROM outbound_call_runs r
WHERE r.id = j.run_id AND j.status = 'queued' AND r.status NOT IN ('pending', 'running')
-- step: job_outcome_translated
UPDATE outbound_call_jobs SET outcome = CASE status
        WHEN 'completed' THEN CASE replace(lower(btrim(coalesce(outcome, ''))), '-', '_')
            WHEN 'busy' THEN 'busy' WHEN 'no_answer' THEN 'no_answer' WHEN 'machine' THEN 'machine'
            WHEN 'canceled' THEN 'canceled' WHEN 'cancelled' THEN 'canceled' ELSE 'answered' END
        WHEN 'failed' THEN 'failed' END
WHERE NOT CASE status
        WHEN 'completed' THEN coalesce(outcome IN ('answered', 'machine', 'busy', 'no_answer', 'canceled'), false)
        WHEN 'failed' THEN coalesce(outcome IN ('failed', 'rejected', 'uncertain', 'not_dialed'), false)
        ELSE outcome IS NULL END
-- step: job_attempts_filled
UPDATE outbound_call_jobs SET attempts = CASE WHEN status = 'queued' OR outcome = 'not_dialed' THEN 0 ELSE 1 END
WHERE attempts IS NULL OR attempts < 0
-- step: dialed_jobs_marked
UPDATE outbound_call_jobs SET dialed = true
WHERE NOT dialed AND (status = 'completed' OR (status = 'failed' AND outcome IN ('failed', 'rejected', 'uncertain')))
-- step: run_defaults_filled
UPDATE outbound_call_runs SET cancel_requested = coalesce(cancel_requested, false),
    on_uncertain = CASE WHEN on_uncertain = 'never' THEN 'never' ELSE 'redial_when_absent' END
WHERE cancel_requested IS NULL OR on_uncertain IS NULL OR on_uncertain NOT IN ('redial_when_absent', 'never')
-- step: run_counts_mended
UPDATE outbound_call_runs r SET total_leads = n.total, cursor_position = n.dialed
FROM (SELECT r2.id, count(j.id)::integer AS total, count(*) FILTER (WHERE j.dialed)::integer AS dialed
      FROM outbound_call_runs r2 LEFT JOIN outbound_call_jobs j ON j.run_id = r2.id GROUP BY r2.id) n
WHERE n.id = r.id AND (r.total_leads IS DISTINCT FROM n.total OR r.cursor_position IS DISTINCT FROM n.dialed)
-- step: heartbeats_set
UPDATE outbound_call_runs SET last_heartbeat_at = coalesce(lock_ts, updated_at, created_at)
WHERE status IN ('pending', 'running') AND last_heartbeat_at IS DISTINCT FROM coalesce(lock_ts, updated_at, created_at)
-- step: ended_runs_closed
UPDATE outbound_call_runs SET ended_at = coalesce(ended_at, updated_at, created_at),
    locked_by_worker = NULL, lock_ts = NULL, last_heartbeat_at = NULL
WHERE status NOT IN ('pending', 'running')
  AND (ended_at IS NULL OR locked_by_worker IS NOT NULL OR lock_ts IS NOT NULL OR last_heartbeat_at IS NOT NULL)
-- step: open_runs_reopened
UPDATE outbound_call_runs SET ended_at = NULL WHERE status IN ('pending', 'running') AND ended_at IS NOT NULL
