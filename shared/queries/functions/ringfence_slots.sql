-- The slots that a business has ever used, each with the newest call that was given it: the slot is taken while that
-- call lives, else free since it ended. Calls of a business are numbered under its lock, so the newest has the highest
-- id. The index is entered once for each slot: asked for by what lives, it would be walked through all calls that have
-- ended since the oldest snapshot that somebody holds.
CREATE FUNCTION ringfence_slots(p_business bigint)
RETURNS TABLE (slot_no integer, ended_at timestamptz, run_id bigint, lead_id bigint) LANGUAGE sql STABLE AS $$
    SELECT s.no, c.ended_at, c.run_id, c.lead_id
    FROM generate_series(0, (SELECT h.slot_no FROM calls h WHERE h.business_id = p_business AND h.slot_no IS NOT NULL
                             ORDER BY h.slot_no DESC LIMIT 1)) s (no)
    CROSS JOIN LATERAL (
        SELECT n.ended_at, n.run_id, n.lead_id FROM calls n WHERE n.business_id = p_business AND n.slot_no = s.no
        ORDER BY n.id DESC LIMIT 1) c
$$;
