-- The invariants. Lock order everywhere: account, business, run, job, call.

ALTER TABLE accounts ADD CONSTRAINT accounts_sid_key UNIQUE (account_sid);
ALTER TABLE accounts ADD CONSTRAINT accounts_rate_range CHECK (calls_per_second BETWEEN 0.0001 AND 100000);
ALTER TABLE accounts ADD CONSTRAINT accounts_block_whole
    CHECK ((blocked_code IS NULL) = (blocked_since IS NULL) AND (blocked_code IS NULL) = (retry_at IS NULL));
-- At most one account is the shared one.
CREATE UNIQUE INDEX accounts_one_shared ON accounts (is_shared) WHERE is_shared;

ALTER TABLE businesses ALTER COLUMN name SET NOT NULL;
ALTER TABLE businesses ADD CONSTRAINT businesses_cap_range CHECK (max_concurrent_calls BETWEEN 1 AND 100000);
ALTER TABLE businesses ADD CONSTRAINT businesses_rate_range CHECK (calls_per_second BETWEEN 0.0001 AND 100000);
ALTER TABLE businesses ADD CONSTRAINT businesses_locale_known CHECK (locale IN ('en', 'he'));
ALTER TABLE businesses ADD CONSTRAINT businesses_account_fk FOREIGN KEY (account_id) REFERENCES accounts (id);
-- An account of one's own comes with its token and its number, or not at all.
ALTER TABLE businesses ADD CONSTRAINT businesses_account_whole
    CHECK ((account_id IS NULL) = (auth_token_sealed IS NULL));
CREATE INDEX businesses_account ON businesses (account_id) WHERE account_id IS NOT NULL;

ALTER TABLE leads ALTER COLUMN business_id SET NOT NULL, ALTER COLUMN phone SET NOT NULL;
ALTER TABLE leads ADD CONSTRAINT leads_business_fk FOREIGN KEY (business_id) REFERENCES businesses (id);
ALTER TABLE leads ADD CONSTRAINT leads_phone_e164 CHECK (phone ~ '^\+[1-9][0-9]{4,14}$');
-- A phone known to a business is one lead, never two.
ALTER TABLE leads ADD CONSTRAINT leads_phone_key UNIQUE (business_id, phone);
-- What composite foreign keys point at: a job cannot name another business's lead.
ALTER TABLE leads ADD CONSTRAINT leads_of_business_key UNIQUE (business_id, id);

ALTER TABLE outbound_call_runs
    ALTER COLUMN business_id SET NOT NULL,
    ALTER COLUMN status SET NOT NULL, ALTER COLUMN status SET DEFAULT 'pending',
    ALTER COLUMN total_leads SET NOT NULL, ALTER COLUMN total_leads SET DEFAULT 0,
    ALTER COLUMN cursor_position SET NOT NULL, ALTER COLUMN cursor_position SET DEFAULT 0,
    ALTER COLUMN cancel_requested SET NOT NULL, ALTER COLUMN cancel_requested SET DEFAULT false,
    ALTER COLUMN on_uncertain SET NOT NULL, ALTER COLUMN on_uncertain SET DEFAULT 'redial_when_absent',
    ALTER COLUMN created_at SET NOT NULL, ALTER COLUMN created_at SET DEFAULT clock_timestamp(),
    ALTER COLUMN updated_at SET NOT NULL, ALTER COLUMN updated_at SET DEFAULT clock_timestamp();
ALTER TABLE outbound_call_runs ADD CONSTRAINT runs_business_fk FOREIGN KEY (business_id) REFERENCES businesses (id);
ALTER TABLE outbound_call_runs ADD CONSTRAINT runs_of_business_key UNIQUE (business_id, id);
ALTER TABLE outbound_call_runs ADD CONSTRAINT runs_status_known
    CHECK (status IN ('pending', 'running', 'completed', 'cancelled', 'stopped', 'failed'));
ALTER TABLE outbound_call_runs ADD CONSTRAINT runs_on_uncertain_known
    CHECK (on_uncertain IN ('redial_when_absent', 'never'));
ALTER TABLE outbound_call_runs ADD CONSTRAINT runs_ended_exactly_when_over
    CHECK ((ended_at IS NOT NULL) = (status IN ('completed', 'cancelled', 'stopped', 'failed')));
-- A run that is over is nobody's: a beat that comes late cannot make it look alive.
ALTER TABLE outbound_call_runs ADD CONSTRAINT runs_over_unlocked
    CHECK (ended_at IS NULL OR (locked_by_worker IS NULL AND lock_ts IS NULL AND last_heartbeat_at IS NULL));
ALTER TABLE outbound_call_runs ADD CONSTRAINT runs_cursor_within
    CHECK (cursor_position >= 0 AND cursor_position <= total_leads);
ALTER TABLE outbound_call_runs ADD CONSTRAINT runs_ring_timeout_range CHECK (ring_timeout BETWEEN 5 AND 600);
-- Keys are values that a beat never changes (heartbeat, lock and nudge columns stand in no index), so a beat is a
-- heap-only update; the fill factor leaves room for it on the page.
ALTER TABLE outbound_call_runs SET (fillfactor = 70);
CREATE INDEX runs_active ON outbound_call_runs (business_id, id) WHERE ended_at IS NULL;
CREATE INDEX runs_newest ON outbound_call_runs (business_id, id DESC);

ALTER TABLE outbound_call_jobs
    ALTER COLUMN business_id SET NOT NULL, ALTER COLUMN run_id SET NOT NULL,
    ALTER COLUMN status SET NOT NULL, ALTER COLUMN status SET DEFAULT 'queued',
    ALTER COLUMN attempts SET NOT NULL, ALTER COLUMN attempts SET DEFAULT 0,
    ALTER COLUMN created_at SET NOT NULL, ALTER COLUMN created_at SET DEFAULT clock_timestamp(),
    ALTER COLUMN updated_at SET NOT NULL, ALTER COLUMN updated_at SET DEFAULT clock_timestamp();
ALTER TABLE outbound_call_jobs ADD CONSTRAINT jobs_run_fk
    FOREIGN KEY (business_id, run_id) REFERENCES outbound_call_runs (business_id, id);
-- Rows of an older system may name leads that were never in this database: they are spared, new rows are not.
ALTER TABLE outbound_call_jobs ADD CONSTRAINT jobs_lead_fk
    FOREIGN KEY (business_id, lead_id) REFERENCES leads (business_id, id) NOT VALID;
-- One job per lead per run. NULL leads occur only in rows of an older system, and count as equal.
ALTER TABLE outbound_call_jobs ADD CONSTRAINT jobs_lead_once UNIQUE NULLS NOT DISTINCT (run_id, lead_id);
ALTER TABLE outbound_call_jobs ADD CONSTRAINT jobs_of_business_key UNIQUE (business_id, id);
ALTER TABLE outbound_call_jobs ADD CONSTRAINT jobs_status_known
    CHECK (status IN ('queued', 'dialing', 'in_progress', 'completed', 'failed', 'cancelled'));
-- A job without a lead cannot be rung, so it must be over.
ALTER TABLE outbound_call_jobs ADD CONSTRAINT jobs_open_has_lead
    CHECK (lead_id IS NOT NULL OR status IN ('completed', 'failed', 'cancelled'));
-- The outcome is there exactly when the job came to one, and says which end it came to.
ALTER TABLE outbound_call_jobs ADD CONSTRAINT jobs_outcome_fits CHECK (
    CASE status
        WHEN 'completed' THEN coalesce(outcome IN ('answered', 'machine', 'busy', 'no_answer', 'canceled'), false)
        WHEN 'failed' THEN coalesce(outcome IN ('failed', 'rejected', 'uncertain', 'not_dialed'), false)
        ELSE outcome IS NULL
    END
);
ALTER TABLE outbound_call_jobs ADD CONSTRAINT jobs_attempts_counted CHECK (attempts >= 0);
ALTER TABLE outbound_call_jobs SET (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02);
-- The claim walks this from claim_floor upwards, in the order of lead_ids.
CREATE INDEX jobs_queued ON outbound_call_jobs (run_id, id) WHERE status = 'queued';
-- Whether a run has anything open is asked at the end of every call.
CREATE INDEX jobs_in_hand ON outbound_call_jobs (run_id) WHERE status IN ('dialing', 'in_progress');

ALTER TABLE calls ADD CONSTRAINT calls_job_fk
    FOREIGN KEY (business_id, job_id) REFERENCES outbound_call_jobs (business_id, id);
ALTER TABLE calls ADD CONSTRAINT calls_run_fk
    FOREIGN KEY (business_id, run_id) REFERENCES outbound_call_runs (business_id, id);
ALTER TABLE calls ADD CONSTRAINT calls_lead_fk FOREIGN KEY (business_id, lead_id) REFERENCES leads (business_id, id);
ALTER TABLE calls ADD CONSTRAINT calls_account_fk FOREIGN KEY (account_id) REFERENCES accounts (id);
ALTER TABLE calls ADD CONSTRAINT calls_state_known
    CHECK (state IN ('dialing', 'uncertain', 'accepted', 'ringing', 'answered', 'ended', 'abandoned'));
ALTER TABLE calls ADD CONSTRAINT calls_ended_exactly_when_over
    CHECK ((ended_at IS NOT NULL) = (state IN ('ended', 'abandoned')));
-- A live call is a slot, so it has a number; a duplicate never held one.
ALTER TABLE calls ADD CONSTRAINT calls_live_has_slot CHECK (ended_at IS NOT NULL OR slot_no >= 0);
ALTER TABLE calls ADD CONSTRAINT calls_accepted_has_sid
    CHECK (state NOT IN ('accepted', 'ringing', 'answered') OR call_sid IS NOT NULL);
ALTER TABLE calls ADD CONSTRAINT calls_outcome_known CHECK (
    outcome IS NULL OR outcome IN ('answered', 'machine', 'busy', 'no_answer', 'canceled', 'failed', 'rejected',
                                   'uncertain', 'duplicate'));
ALTER TABLE calls ADD CONSTRAINT calls_ended_has_outcome CHECK (state <> 'ended' OR outcome IS NOT NULL);
ALTER TABLE calls ADD CONSTRAINT calls_duplicate_marked CHECK ((duplicate_of IS NOT NULL) = (coalesce(outcome, '') = 'duplicate'));
-- One create request per row: the token is our name for it.
ALTER TABLE calls ADD CONSTRAINT calls_token_key UNIQUE (dial_token);
-- One row per call that the provider knows.
CREATE UNIQUE INDEX calls_sid_once ON calls (call_sid) WHERE call_sid IS NOT NULL;
-- One slot number per live call of a business, one live call per job, one live call per lead. Indexes of live calls all
-- begin with the business: a planner that was told that none live would else walk one of them whole for each business.
CREATE UNIQUE INDEX calls_slot_once ON calls (business_id, slot_no) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX calls_job_live_once ON calls (business_id, job_id) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX calls_lead_live_once ON calls (business_id, lead_id) WHERE ended_at IS NULL;
-- One live call without a certain sid per account and number: what makes a listing unambiguous.
CREATE UNIQUE INDEX calls_number_unsure_once ON calls (account_id, to_number)
    WHERE ended_at IS NULL AND (call_sid IS NULL OR sid_is_guess);
CREATE INDEX calls_of_job ON calls (job_id);
-- When the slots that are free now were freed: what turnaround is measured from.
CREATE INDEX calls_latest_ends ON calls (business_id, ended_at) WHERE ended_at IS NOT NULL AND duplicate_of IS NULL;
CREATE INDEX calls_run_live ON calls (business_id, run_id) WHERE ended_at IS NULL;
-- What the reaper walks: live calls, and given-up ones whose call surfaced, when their next look is due.
CREATE INDEX calls_check_due ON calls (next_check_at) WHERE next_check_at IS NOT NULL;
CREATE INDEX calls_hangup_due ON calls (hangup_at) WHERE hangup_at IS NOT NULL;
ALTER TABLE calls SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);

-- A callback is recorded once, however often it is delivered.
CREATE UNIQUE INDEX call_events_once ON call_events (call_id, call_sid, event, coalesce(sequence, -1));
CREATE INDEX call_events_age ON call_events USING brin (received_at);
CREATE INDEX call_events_business ON call_events (business_id, id);

ALTER TABLE idempotency_keys ADD CONSTRAINT idempotency_business_fk
    FOREIGN KEY (business_id) REFERENCES businesses (id);
CREATE INDEX idempotency_age ON idempotency_keys (created_at);

ALTER TABLE dispatcher_lease ADD CONSTRAINT lease_held_whole
    CHECK (holder IS NULL OR (backend_pid IS NOT NULL AND renewed_at IS NOT NULL));

-- A live call may only take a slot below the cap that holds while it is claimed. Lowering the cap later does not
-- touch it: the trigger looks at new rows, and at rows that would come to life again, which none may.
CREATE OR REPLACE FUNCTION ringfence_guard_slot() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    cap integer;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'call % is over and stays over', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    SELECT max_concurrent_calls INTO cap FROM businesses WHERE id = NEW.business_id;
    IF NEW.slot_no >= cap THEN
        RAISE EXCEPTION 'slot % is not below the cap % of business %', NEW.slot_no, cap, NEW.business_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER calls_slot_below_cap BEFORE INSERT ON calls
    FOR EACH ROW WHEN (NEW.ended_at IS NULL) EXECUTE FUNCTION ringfence_guard_slot();
CREATE TRIGGER calls_stay_over BEFORE UPDATE ON calls
    FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL AND NEW.ended_at IS NULL) EXECUTE FUNCTION ringfence_guard_slot();

-- What a row written by hand leaves out follows from its job; rows that the claim writes leave nothing out.
CREATE OR REPLACE FUNCTION ringfence_fill_call() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT coalesce(NEW.lead_id, j.lead_id), coalesce(NEW.to_number, l.phone),
        coalesce(NEW.from_number, r.from_number, b.from_number, ''),
        coalesce(NEW.account_id, b.account_id, (SELECT a.id FROM accounts a WHERE a.is_shared)),
        coalesce(NEW.expires_at, NEW.deadline + interval '1 day')
    INTO NEW.lead_id, NEW.to_number, NEW.from_number, NEW.account_id, NEW.expires_at
    FROM outbound_call_jobs j JOIN outbound_call_runs r ON r.id = j.run_id JOIN businesses b ON b.id = j.business_id
        LEFT JOIN leads l ON l.id = j.lead_id
    WHERE j.id = NEW.job_id;
    RETURN NEW;
END $$;
CREATE TRIGGER calls_filled BEFORE INSERT ON calls FOR EACH ROW
    WHEN (NEW.lead_id IS NULL OR NEW.to_number IS NULL OR NEW.from_number IS NULL OR NEW.account_id IS NULL
          OR NEW.expires_at IS NULL)
    EXECUTE FUNCTION ringfence_fill_call();

-- A run or job that is over stays over, whoever edits it by statement, and `cursor_position` never falls.
CREATE OR REPLACE FUNCTION ringfence_guard_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% % is over and stays over', TG_TABLE_NAME, OLD.id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER runs_stay_over BEFORE UPDATE OF status, ended_at ON outbound_call_runs
    FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL AND NEW.ended_at IS NULL) EXECUTE FUNCTION ringfence_guard_end();
CREATE TRIGGER jobs_stay_over BEFORE UPDATE OF status ON outbound_call_jobs
    FOR EACH ROW WHEN (OLD.status IN ('completed', 'failed', 'cancelled')
                       AND NEW.status NOT IN ('completed', 'failed', 'cancelled'))
    EXECUTE FUNCTION ringfence_guard_end();
CREATE OR REPLACE FUNCTION ringfence_guard_cursor() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'cursor_position of run % never falls', OLD.id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER runs_cursor_never_falls BEFORE UPDATE OF cursor_position ON outbound_call_runs
    FOR EACH ROW WHEN (OLD.cursor_position > NEW.cursor_position) EXECUTE FUNCTION ringfence_guard_cursor();

-- A run is over from the moment that a statement says so, also one that does not know of `ended_at`.
CREATE OR REPLACE FUNCTION ringfence_date_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.ended_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER runs_over_dated BEFORE INSERT OR UPDATE OF status ON outbound_call_runs
    FOR EACH ROW WHEN (NEW.ended_at IS NULL AND NEW.status IN ('completed', 'cancelled', 'stopped', 'failed'))
    EXECUTE FUNCTION ringfence_date_end();

-- Ending a run takes it from its worker, by whatever statement it ends. (It fires after `runs_over_dated`: triggers go
-- by name.)
CREATE OR REPLACE FUNCTION ringfence_unlock_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.locked_by_worker := NULL;
    NEW.lock_ts := NULL;
    NEW.last_heartbeat_at := NULL;
    RETURN NEW;
END $$;
CREATE TRIGGER runs_over_unlock BEFORE INSERT OR UPDATE ON outbound_call_runs
    FOR EACH ROW WHEN (NEW.ended_at IS NOT NULL AND (NEW.locked_by_worker IS NOT NULL OR NEW.lock_ts IS NOT NULL
                                                     OR NEW.last_heartbeat_at IS NOT NULL))
    EXECUTE FUNCTION ringfence_unlock_run();

-- A job put back in the queue lies above its run's floor again, or no claim would ever see it.
CREATE OR REPLACE FUNCTION ringfence_lower_floor() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE outbound_call_runs SET claim_floor = NEW.id WHERE id = NEW.run_id AND claim_floor > NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER jobs_lower_floor AFTER UPDATE OF status ON outbound_call_jobs
    FOR EACH ROW WHEN (NEW.status = 'queued' AND OLD.status <> 'queued') EXECUTE FUNCTION ringfence_lower_floor();
