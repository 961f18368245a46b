-- How many calls a rate allows at `moment` (generic cell rate algorithm). `next_at` is the theoretical arrival time of
-- the next call; a tolerance of 20 ms lets rates above 50 a second be claimed in small groups.
CREATE FUNCTION ringfence_tokens(next_at timestamptz, rate double precision, moment timestamptz) RETURNS integer
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN next_at > moment + interval '20 ms' THEN 0
        ELSE 1 + floor(rate * (0.02 - extract(epoch FROM greatest(next_at, moment) - moment)))::integer END
$$;
