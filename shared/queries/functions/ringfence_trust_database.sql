-- Says that this database holds every call that the provider was asked for: after the recent calls of its accounts
-- were compared, or on an operator's word. Whoever compared names the database that he compared with, so that a
-- second failover meanwhile is not forgiven. Returns whether it is trusted now.
CREATE FUNCTION ringfence_trust_database(p_identity text DEFAULT NULL) RETURNS boolean LANGUAGE sql VOLATILE AS $$
    WITH trusted AS (
        UPDATE dispatcher_lease SET identity = ringfence_database_identity(), database_trusted = true,
            trusted_until = clock_timestamp()
        WHERE partition = 0 AND coalesce(p_identity, ringfence_database_identity()) = ringfence_database_identity()
        RETURNING 1
    )
    SELECT EXISTS (SELECT 1 FROM trusted)
$$;
