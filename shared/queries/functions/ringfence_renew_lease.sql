-- Says that the holder is alive; NULL when the lease is somebody else's by now. Also binds the lease to this
-- connection, so that a holder that had to reconnect is watched by its new one.
CREATE FUNCTION ringfence_renew_lease(p_worker text, p_epoch bigint, p_partition integer DEFAULT 0) RETURNS boolean
LANGUAGE sql VOLATILE AS $$
    UPDATE dispatcher_lease SET renewed_at = clock_timestamp(), backend_pid = pg_backend_pid(),
        backend_start = (SELECT a.backend_start FROM pg_stat_activity a WHERE a.pid = pg_backend_pid()),
        database_trusted = database_trusted AND identity = ringfence_database_identity(),
        trusted_until = CASE WHEN database_trusted AND identity = ringfence_database_identity()
                             THEN clock_timestamp() ELSE trusted_until END
    WHERE partition = p_partition AND epoch = p_epoch AND holder = p_worker
    RETURNING database_trusted AND ringfence_database_trusted()
$$;
