-- Takes the lease with the next epoch when it is free, when the holder's connection is gone, or when the holder has
-- been silent for `p_silence`. The connection that calls this is the one whose death says that the holder died.
-- A database other than the one the last holder saw (failover, restore) is not trusted until somebody says so.
CREATE FUNCTION ringfence_take_lease(p_worker text, p_silence interval)
RETURNS TABLE (epoch bigint, previous text, trusted boolean) LANGUAGE sql VOLATILE AS $$
    WITH old AS MATERIALIZED (SELECT * FROM dispatcher_lease WHERE partition = 0 FOR NO KEY UPDATE SKIP LOCKED)
    UPDATE dispatcher_lease l SET epoch = old.epoch + 1, holder = p_worker, backend_pid = pg_backend_pid(),
        backend_start = (SELECT a.backend_start FROM pg_stat_activity a WHERE a.pid = pg_backend_pid()),
        renewed_at = clock_timestamp(), identity = coalesce(old.identity, ringfence_database_identity()),
        database_trusted = old.database_trusted
            AND (old.identity IS NULL OR old.identity = ringfence_database_identity()),
        trusted_until = CASE WHEN old.database_trusted AND (old.identity IS NULL OR old.identity = ringfence_database_identity())
                             THEN clock_timestamp() ELSE coalesce(old.trusted_until, old.renewed_at) END
    FROM old
    WHERE l.partition = old.partition AND (
        old.holder IS NULL
        OR old.renewed_at < clock_timestamp() - p_silence
        OR NOT EXISTS (SELECT 1 FROM pg_stat_activity a WHERE a.pid = old.backend_pid
                       AND (a.backend_start IS NULL OR a.backend_start = old.backend_start)))
    RETURNING l.epoch, old.holder, l.database_trusted
$$;
