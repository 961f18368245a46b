-- Takes a partition's lease when it is free, with an epoch that no partition ever had: claims are handed back by their
-- epoch. The connection that calls this is the one whose death says that the holder died. A partition without a row
-- gets one, which knows of the database what partition 0 knows. A database other than the one the last holder saw
-- (failover, restore) is not trusted until somebody says so. Returns a row if the lease was taken.
CREATE FUNCTION ringfence_take_lease(p_worker text, p_silence interval, p_partition integer DEFAULT 0)
RETURNS TABLE (epoch bigint, previous text, trusted boolean) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_old dispatcher_lease;
    v_epoch bigint;
    v_newest bigint;
    v_same boolean;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM dispatcher_lease WHERE partition = p_partition) THEN
        INSERT INTO dispatcher_lease (partition, epoch, identity, database_trusted, trusted_until)
        SELECT p_partition, nextval('dispatcher_epochs'), l.identity, l.database_trusted, l.trusted_until
        FROM dispatcher_lease l WHERE l.partition = 0 ON CONFLICT DO NOTHING;
    END IF;
    SELECT l.* INTO v_old FROM dispatcher_lease l
    WHERE l.partition = p_partition AND ringfence_lease_is_free(l, p_silence) FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    v_same := v_old.database_trusted
        AND coalesce(v_old.identity, ringfence_database_identity()) = ringfence_database_identity();
    v_epoch := nextval('dispatcher_epochs');
    SELECT max(l.epoch) INTO v_newest FROM dispatcher_lease l;
    IF v_epoch <= v_newest THEN  -- the sequence fell behind its rows, as after a restore by hand
        v_epoch := setval('dispatcher_epochs', v_newest + 1);
    END IF;
    UPDATE dispatcher_lease l SET epoch = v_epoch, holder = p_worker, backend_pid = pg_backend_pid(),
        backend_start = (SELECT a.backend_start FROM pg_stat_activity a WHERE a.pid = pg_backend_pid()),
        renewed_at = clock_timestamp(), identity = coalesce(v_old.identity, ringfence_database_identity()),
        database_trusted = v_same,
        trusted_until = CASE WHEN v_same THEN clock_timestamp() ELSE coalesce(v_old.trusted_until, v_old.renewed_at) END
    WHERE l.partition = p_partition;
    RETURN QUERY SELECT v_epoch, v_old.holder, ringfence_database_trusted();
EXCEPTION WHEN unique_violation THEN
    RETURN;  -- another partition was given that epoch at this instant: the next attempt gets one of its own
END $$;
