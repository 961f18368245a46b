-- What all baselines keep: a job is one lead to be rung. Beside the tables of the system that is measured with them.
CREATE SCHEMA baseline;
SET search_path TO baseline;

CREATE TABLE businesses (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cap int NOT NULL
);

CREATE TABLE runs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    business_id bigint NOT NULL REFERENCES businesses,
    status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'completed', 'stopped')),
    heartbeat_at timestamptz,
    ended_at timestamptz
);

CREATE TABLE jobs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id bigint NOT NULL REFERENCES runs,
    business_id bigint NOT NULL REFERENCES businesses,
    phone text NOT NULL,
    status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'dialing', 'calling', 'done', 'cancelled')),
    slot text,
    call_sid text,
    call_status text,
    dialed_at timestamptz,
    ended_at timestamptz
);
CREATE INDEX jobs_queued ON jobs (run_id, id) WHERE status = 'queued';
CREATE INDEX jobs_open ON jobs (run_id) WHERE status IN ('queued', 'dialing', 'calling');
CREATE INDEX jobs_live ON jobs (business_id) WHERE status IN ('dialing', 'calling');
