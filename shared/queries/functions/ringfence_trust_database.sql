-- Says that this database holds every call that the provider was asked for: after the recent calls of its accounts
-- were compared, or on an operator's word.
CREATE FUNCTION ringfence_trust_database() RETURNS void LANGUAGE sql VOLATILE AS $$
    UPDATE dispatcher_lease SET identity = ringfence_database_identity(), database_trusted = true WHERE partition = 0
$$;
