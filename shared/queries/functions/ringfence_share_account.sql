-- Makes the account of the settings the shared one, with its rate. Nothing is written where nothing changes, so that a
-- process that starts holds up nobody's claim. Locks: account.
CREATE FUNCTION ringfence_share_account(p_account_sid text, p_rate double precision) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    -- a statement of its own: at most one account is shared at any instant
    UPDATE accounts SET is_shared = false WHERE is_shared AND account_sid <> p_account_sid;
    INSERT INTO accounts AS a (account_sid, is_shared, calls_per_second) VALUES (p_account_sid, true, p_rate)
    ON CONFLICT (account_sid) DO UPDATE SET is_shared = true, calls_per_second = excluded.calls_per_second
        WHERE NOT a.is_shared OR a.calls_per_second <> excluded.calls_per_second;
END $$;
