-- Whether this database is known to hold every call that was made. One lease's doubt is the doubt of all: whichever
-- partition's holder met another database (failover, restore), calls of every business may be lost.
CREATE FUNCTION ringfence_database_trusted() RETURNS boolean LANGUAGE sql VOLATILE AS $$
    WITH this AS MATERIALIZED (SELECT ringfence_database_identity() AS identity)
    SELECT NOT EXISTS (SELECT 1 FROM dispatcher_lease l, this WHERE NOT l.database_trusted OR l.identity <> this.identity)
$$;
