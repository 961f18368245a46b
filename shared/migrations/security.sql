-- Who may see what. The roles own nothing. Policies are forced, so that a table's owner is bound by them as well;
-- the services that work for every business connect as a member of ringfence_service.

ALTER TABLE businesses ENABLE ROW LEVEL SECURITY;
ALTER TABLE businesses FORCE ROW LEVEL SECURITY;
CREATE POLICY own_business ON businesses TO ringfence_api
    USING (id = nullif(current_setting('ringfence.business_id', true), '')::bigint)
    WITH CHECK (id = nullif(current_setting('ringfence.business_id', true), '')::bigint);
CREATE POLICY every_business ON businesses TO ringfence_service, ringfence_platform USING (true) WITH CHECK (true);

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['leads', 'outbound_call_runs', 'outbound_call_jobs', 'calls', 'call_events',
                             'idempotency_keys'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format($p$CREATE POLICY own_business ON %I TO ringfence_api
            USING (business_id = nullif(current_setting('ringfence.business_id', true), '')::bigint)
            WITH CHECK (business_id = nullif(current_setting('ringfence.business_id', true), '')::bigint)$p$, t);
        EXECUTE format('CREATE POLICY every_business ON %I TO ringfence_service, ringfence_platform '
                       'USING (true) WITH CHECK (true)', t);
    END LOOP;
END $$;

-- The API sees the shared account and its own, and of neither a secret.
ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE accounts FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON accounts TO ringfence_api
    USING (is_shared OR id IN (SELECT account_id FROM businesses)) WITH CHECK (NOT is_shared);
CREATE POLICY every_account ON accounts TO ringfence_service, ringfence_platform USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE ON businesses, leads, outbound_call_runs, outbound_call_jobs TO ringfence_api, ringfence_platform;
GRANT SELECT, UPDATE ON calls TO ringfence_api, ringfence_platform;
GRANT SELECT ON call_events TO ringfence_api, ringfence_platform;
GRANT SELECT, INSERT, DELETE ON idempotency_keys TO ringfence_api, ringfence_platform;
GRANT SELECT, INSERT, UPDATE (calls_per_second) ON accounts TO ringfence_api, ringfence_platform;
GRANT SELECT ON dispatcher_lease TO ringfence_api, ringfence_platform;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ringfence_api, ringfence_platform;
GRANT ALL ON ALL TABLES IN SCHEMA public TO ringfence_service;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO ringfence_service;
GRANT SELECT ON alembic_version TO ringfence_api, ringfence_platform, ringfence_service;

-- Whose a run is: the one answer that crosses businesses, for the 403 of a force-cancel and for the log.
CREATE OR REPLACE FUNCTION run_owner(run_id bigint) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    AS $$ SELECT r.business_id FROM public.outbound_call_runs r WHERE r.id = run_owner.run_id $$;
REVOKE ALL ON FUNCTION run_owner(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION run_owner(bigint) TO ringfence_api, ringfence_platform, ringfence_service;
