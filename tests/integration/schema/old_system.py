"""Databases as an older system left them: every bad shape that its two tables have been seen in.

Run 1 is in order. Runs 2 and 3 belong to nobody: 2's jobs say whose it is, 3's do not agree. Run 4's counts and end
lie, run 5 was paused with a job in the queue, run 6 has a status that nobody knows.
"""

FULL = """
CREATE TYPE run_state AS ENUM ('PENDING', 'RUNNING', 'COMPLETED', 'PAUSED', 'WEIRD');
CREATE TABLE outbound_call_runs (
    id serial PRIMARY KEY, business_id integer, name varchar(80), status run_state DEFAULT 'PENDING',
    total_leads smallint, cursor_position integer DEFAULT 0, cancel_requested smallint DEFAULT 0,
    on_uncertain varchar(20) DEFAULT 'retry', created_by_user_id integer NOT NULL DEFAULT 0,
    created_at timestamp DEFAULT now(), started_at timestamp, ended_at timestamp, updated_at timestamp,
    locked_by_worker varchar(64) NOT NULL DEFAULT '', lock_ts timestamp, last_heartbeat_at timestamp,
    nudged_at timestamp, end_reason char(12), campaign_code text NOT NULL,
    CONSTRAINT counters_sane CHECK (total_leads < 1000)
);
CREATE TABLE outbound_call_jobs (
    id serial PRIMARY KEY, business_id integer, run_id integer, lead_id varchar(20), status varchar(20) DEFAULT 'new',
    outcome varchar(20) DEFAULT '', attempts smallint, dial_lock_token varchar(64) DEFAULT 'none',
    twilio_call_sid varchar(40) DEFAULT '', error_code integer, error_message varchar(200), created_at timestamp,
    updated_at timestamp, list_name text NOT NULL,
    CONSTRAINT status_words CHECK (length(status) < 20)
);
CREATE UNIQUE INDEX one_active_run ON outbound_call_runs (business_id) WHERE status IN ('PENDING', 'RUNNING');
CREATE INDEX by_heartbeat ON outbound_call_runs (last_heartbeat_at);
CREATE INDEX by_lock ON outbound_call_runs (lock_ts, locked_by_worker);

INSERT INTO outbound_call_runs (id, business_id, name, status, total_leads, cursor_position, created_at, ended_at,
                                updated_at, locked_by_worker, lock_ts, last_heartbeat_at, campaign_code) VALUES
(1, 7, 'good', 'RUNNING', 4, 1, '2026-01-01 10:00', NULL, '2026-01-01 11:00', 'old:1', '2026-01-01 12:00', NULL, 'x'),
(2, NULL, 'whose', 'PENDING', NULL, NULL, '2026-01-02 10:00', NULL, '2026-01-02 11:00', '', NULL, '2020-01-01', 'y'),
(3, NULL, 'nobody', 'RUNNING', 2, 0, '2026-01-03 10:00', NULL, NULL, '', NULL, NULL, 'x'),
(4, 8, 'liar', 'COMPLETED', 99, 98, '2026-01-04 10:00', NULL, '2026-01-04 11:00', 'o', '2026-01-04', '2026-01-04', 'x'),
(5, 8, 'paused', 'PAUSED', 1, 0, '2026-01-05 10:00', NULL, NULL, '', NULL, NULL, 'x'),
(6, 9, 'weird', 'WEIRD', 0, 0, NULL, NULL, NULL, '', NULL, NULL, 'x'),
(7, 9, 'reopened', 'PENDING', 0, 0, '2026-01-07 10:00', '2026-01-07 11:00', NULL, '', NULL, NULL, 'z');

INSERT INTO outbound_call_jobs (id, business_id, run_id, lead_id, status, outcome, attempts, dial_lock_token,
                                twilio_call_sid, created_at, list_name) VALUES
(11, 7, 1, '101', 'completed', 'ANSWERED', 1, 'rubbish', 'CA11', '2026-01-01 10:00', 'l'),
(12, NULL, 1, '102', 'QUEUED', '', NULL, NULL, '', '2026-01-01 10:00', 'l'),
(13, 9, 1, '103', 'dialing', NULL, 1, 'd8c0c6ac-7f8a-4c3e-9c3d-0a6f7c1f0f11', NULL, '2026-01-01 10:00', 'l'),
(15, 7, 1, '104', 'pending', '', 0, NULL, '', '2026-01-01 10:05', 'l'),
(14, 7, 1, '104', 'pending', '', 0, NULL, '', '2026-01-01 10:10', 'l'),
(16, 7, 1, NULL, 'queued', '', 0, NULL, '', '2026-01-01 10:00', 'l'),
(17, 7, 1, NULL, 'queued', '', 0, NULL, '', '2026-01-01 10:01', 'l'),
(18, 7, 1, '105', 'queued', '', 0, NULL, '', '2026-01-01 10:00', 'l'),
(19, 7, 1, '105', 'done', 'no-answer', -2, NULL, 'CA19', '2026-01-01 10:30', 'l'),
(20, 7, 999, '106', 'queued', '', 0, NULL, '', '2026-01-01 10:00', 'l'),
(21, 7, NULL, '107', 'queued', '', 0, NULL, '', '2026-01-01 10:00', 'l'),
(22, 7, 1, '109', 'nonsense', 'strange', 1, NULL, '', NULL, 'l'),
(31, 5, 2, '201', 'queued', '', 0, NULL, '', '2026-01-02 10:00', 'l'),
(32, NULL, 2, '202', NULL, NULL, NULL, NULL, NULL, NULL, 'l'),
(33, 5, 3, '301', 'queued', '', 0, NULL, '', '2026-01-03 10:00', 'l'),
(34, 6, 3, '302', 'queued', '', 0, NULL, '', '2026-01-03 10:00', 'l'),
(41, 8, 4, '401', 'completed', 'sort of', 1, NULL, 'CA41', '2026-01-04 10:00', 'l'),
(51, 8, 5, '501', 'queued', '', 0, NULL, '', '2026-01-05 10:00', 'l'),
(71, 9, 7, 'who knows', 'queued', '', 0, NULL, '', '2026-01-07 10:00', 'l');

ALTER TABLE outbound_call_jobs ADD CONSTRAINT jobs_of_runs FOREIGN KEY (run_id) REFERENCES outbound_call_runs (id)
    NOT VALID;
"""

BARE = """
CREATE TABLE outbound_call_runs (id integer, business_id integer, status varchar(20), updated_at timestamp);
CREATE TABLE outbound_call_jobs (run_id integer, lead_id integer, status varchar(20));
INSERT INTO outbound_call_runs VALUES (1, 7, 'running', '2026-01-01 11:00'), (2, NULL, 'pending', NULL),
    (2, 7, 'pending', '2026-01-02 11:00'), (NULL, 8, 'pending', NULL), (5, 8, 'completed', NULL);
INSERT INTO outbound_call_jobs VALUES (1, 101, 'queued'), (1, 101, 'queued'), (1, 102, 'dialing'), (9, 103, 'queued'),
    (NULL, 104, 'queued'), (5, 105, 'completed');
"""
