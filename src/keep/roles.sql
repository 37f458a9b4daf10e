-- What the processes of a cluster may do with the books. Run by each `razonete init`, as the owner of the books, who may do
-- all of it. There need not be such roles: then nothing is granted.
--
-- razonete_api       reads the books, notes what it has seen answered (note_seen), and makes webhooks and watches
-- razonete_writer    reads them, but for access keys, notes the same, adds what was decided (keep_batches, keep_transits),
--                    and notes where that does not fit (note_divergence)
-- razonete_dispatch  reads them, and carries webhooks and watches on; it alone may read the secrets of webhooks
-- razonete_console   reads them
--
-- None may change a row of the ledger in any other way: those functions run with the rights of their owner. Whoever could put
-- tables of the same names before the books' own would run them on those, so they look nowhere else. To everyone else they
-- are closed, as functions are open to all at first.
DO $$
DECLARE
  schema constant text := current_schema();
  books constant text[] := ARRAY[
    'access_keys', 'accounts', 'cursors', 'entries', 'holds', 'journal', 'limits', 'migrations', 'restores', 'reversals',
    'system', 'audits', 'divergences', 'parts', 'transits', 'from_shards'
  ];
  hooks constant text[] := ARRAY[
    'crossings', 'deliveries', 'hook_requests', 'watch_below', 'watch_position', 'watches', 'webhook_secrets', 'webhooks'
  ];
  role text;
  relation text;
BEGIN
  EXECUTE format('ALTER FUNCTION keep_batches SECURITY DEFINER SET search_path TO %I, pg_temp', schema);
  EXECUTE format('ALTER FUNCTION keep_transits SECURITY DEFINER SET search_path TO %I, pg_temp', schema);
  EXECUTE format('ALTER FUNCTION note_seen SECURITY DEFINER SET search_path TO %I, pg_temp', schema);
  EXECUTE format('ALTER FUNCTION note_divergence SECURITY DEFINER SET search_path TO %I, pg_temp', schema);
  REVOKE EXECUTE ON FUNCTION add_changes, add_transits, keep_batches, keep_transits, note_divergence, note_seen FROM PUBLIC;

  FOREACH role IN ARRAY ARRAY['razonete_api', 'razonete_writer', 'razonete_dispatch', 'razonete_console'] LOOP
    CONTINUE WHEN NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role);
    -- Everyone may fill the server's disk with temporary tables at first.
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    -- And, in a database that began before PostgreSQL 15, put functions beside the books', which would run as their owner.
    EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC, %I', schema, role);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', schema, role);
    FOREACH relation IN ARRAY books LOOP
      CONTINUE WHEN to_regclass(format('%I.%I', schema, relation)) IS NULL;
      EXECUTE format('REVOKE ALL ON %I FROM %I', relation, role);
      CONTINUE WHEN relation = 'access_keys' AND role = 'razonete_writer';
      EXECUTE format('GRANT SELECT ON %I TO %I', relation, role);
    END LOOP;
    FOREACH relation IN ARRAY hooks LOOP
      CONTINUE WHEN to_regclass(format('%I.%I', schema, relation)) IS NULL;
      EXECUTE format('REVOKE ALL ON %I FROM %I', relation, role);
      IF role = 'razonete_console' AND relation IN ('deliveries', 'watches', 'webhooks') THEN
        EXECUTE format('GRANT SELECT ON %I TO %I', relation, role);
      END IF;
      CONTINUE WHEN role NOT IN ('razonete_api', 'razonete_dispatch');
      IF relation = 'webhook_secrets' AND role = 'razonete_api' THEN
        -- It makes them and sets the end of former ones, and never reads one.
        EXECUTE format('GRANT INSERT, UPDATE, DELETE, SELECT (webhook, until) ON %I TO %I', relation, role);
      ELSE
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO %I', relation, role);
      END IF;
    END LOOP;
    EXECUTE format('GRANT EXECUTE ON FUNCTION entries_of, first_g, first_seq TO %I', role);
    IF role IN ('razonete_api', 'razonete_writer') THEN
      EXECUTE format('GRANT EXECUTE ON FUNCTION note_seen TO %I', role);
    END IF;
    IF role = 'razonete_writer' THEN
      EXECUTE format('GRANT EXECUTE ON FUNCTION keep_batches, keep_transits, note_divergence TO %I', role);
    END IF;
  END LOOP;
END
$$;
