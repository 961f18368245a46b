-- Which of so many partitions a business belongs to: the one whose holder claimed for it last, which is the one that
-- gets its hints; before the first claim, and when there is no such partition any more, its id decides.
CREATE FUNCTION ringfence_partition_of(p_business bigint, p_known integer, p_partitions integer) RETURNS integer
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_known < p_partitions THEN p_known ELSE abs(p_business % p_partitions)::integer END
$$;
