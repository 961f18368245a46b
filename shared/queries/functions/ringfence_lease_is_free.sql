-- Whether a lease may be taken: nobody holds it, the holder's connection is gone, or it was silent for `p_silence`.
CREATE FUNCTION ringfence_lease_is_free(p_lease dispatcher_lease, p_silence interval) RETURNS boolean
LANGUAGE sql VOLATILE AS $$
    SELECT p_lease.holder IS NULL
        OR p_lease.renewed_at < clock_timestamp() - p_silence
        OR NOT EXISTS (SELECT 1 FROM pg_stat_activity a WHERE a.pid = p_lease.backend_pid
                       AND (a.backend_start IS NULL OR a.backend_start = p_lease.backend_start))
$$;
