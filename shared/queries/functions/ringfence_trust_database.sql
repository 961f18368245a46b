-- Says that this database holds every call that the provider was asked for: after the recent calls of its accounts
-- were compared, or on an operator's word. Whoever compared names the database that he compared with, so that a
-- second failover meanwhile is not forgiven. It concerns every partition. Returns whether it is trusted now.
CREATE FUNCTION ringfence_trust_database(p_identity text DEFAULT NULL) RETURNS boolean LANGUAGE sql VOLATILE AS $$
    WITH this AS MATERIALIZED (
        SELECT ringfence_database_identity() AS identity
    ), leases AS MATERIALIZED (
        SELECT l.partition FROM dispatcher_lease l, this WHERE coalesce(p_identity, this.identity) = this.identity
        ORDER BY l.partition FOR NO KEY UPDATE OF l
    ), trusted AS (
        UPDATE dispatcher_lease l SET identity = this.identity, database_trusted = true,
            trusted_until = clock_timestamp()
        FROM leases, this WHERE l.partition = leases.partition
        RETURNING 1
    )
    SELECT EXISTS (SELECT 1 FROM trusted)
$$;
