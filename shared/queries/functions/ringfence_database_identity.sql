-- Which database this is: the system identifier and the timeline. A failover or a restore changes it.
CREATE FUNCTION ringfence_database_identity() RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT s.system_identifier || '/' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)
    FROM pg_control_system() s
$$;
