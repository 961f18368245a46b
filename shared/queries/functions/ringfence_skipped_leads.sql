-- Which of the ids given make no job, in their order: not a lead of this business, or given before.
CREATE FUNCTION ringfence_skipped_leads(p_business bigint, p_leads bigint[]) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('lead_id', x.lead_id, 'reason', CASE WHEN x.known THEN 'duplicate'
                                                 ELSE 'unknown_lead' END) ORDER BY x.n), '[]')
    FROM (SELECT u.lead_id, u.n, l.id IS NOT NULL AS known,
              row_number() OVER (PARTITION BY u.lead_id ORDER BY u.n) AS nth
          FROM unnest(p_leads) WITH ORDINALITY u (lead_id, n)
          LEFT JOIN leads l ON l.id = u.lead_id AND l.business_id = p_business) x
    WHERE NOT x.known OR x.nth > 1
$$;
