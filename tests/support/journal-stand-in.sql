-- A journal for books whose writer writes none yet: made of the rows that each transaction has added, when it moves the
-- cursor. It goes away with the writer that writes the journal itself.
CREATE TABLE journal (
  shard integer, g bigint, time bigint, events text[] NOT NULL, previous bytea NOT NULL, hash bytea NOT NULL,
  PRIMARY KEY (shard, g)
);

CREATE FUNCTION append_to_journal(of_shard integer, of_g bigint, of_time bigint, texts text[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  before bytea := coalesce(
    (SELECT hash FROM journal WHERE shard = of_shard ORDER BY g DESC LIMIT 1), decode(repeat('00', 32), 'hex'));
BEGIN
  INSERT INTO journal VALUES (of_shard, of_g, of_time, texts, before, sha256(
    before || int4send(of_shard) || int8send(of_g) || int8send(of_time) || int4send(cardinality(texts)) || coalesce((
      SELECT string_agg(int4send(octet_length(t)) || convert_to(t, 'UTF8'), ''::bytea ORDER BY n)
      FROM unnest(texts) WITH ORDINALITY AS u (t, n)), ''::bytea)));
END
$$;

-- A function, not a view: a rebuild exchanges the tables.
CREATE FUNCTION events_of_books() RETURNS TABLE (xid xid, account bigint, decided_at bigint, place bigint, text text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN RETURN QUERY
SELECT e.xmin AS xid, e.account, e.time, e.seq AS place,
  concat_ws(' ', CASE e.kind WHEN 'credit' THEN 'c' ELSE 'd' END, e.account, e.seq, e.time, e.value, e.balance,
    e.credit_limit, e.command, e.description) AS text
FROM entries AS e
UNION ALL
SELECT l.xmin, l.account, l.changed_at, l.version::bigint,
  CASE l.version WHEN 1 THEN concat_ws(' ', 'o', l.account, l.changed_at, l.credit_limit, l.command, coalesce(a.name, ''))
  ELSE concat_ws(' ', 'l', l.account, l.after_seq, l.changed_at, coalesce(e.balance, 0), l.credit_limit, l.command) END
FROM limits AS l JOIN accounts AS a ON a.account = l.account
  LEFT JOIN entries AS e ON e.account = l.account AND e.seq = l.after_seq;
END
$$;

CREATE FUNCTION write_journal() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  texts text[];
  times bigint[];
  place integer := 0;
BEGIN
  SELECT array_agg(text ORDER BY e.decided_at, e.place), array_agg(e.decided_at ORDER BY e.decided_at, e.place) INTO texts, times
  FROM events_of_books() AS e WHERE xid = pg_current_xact_id()::xid
    AND account % (SELECT shards FROM system) = NEW.shard;
  -- Each batch has one event at least. Which has more is not known here: the last one.
  FOR g IN OLD.last_g + 1 .. NEW.last_g - 1 LOOP
    place := place + 1;
    PERFORM append_to_journal(NEW.shard, g, times[place], texts[place:place]);
  END LOOP;
  PERFORM append_to_journal(NEW.shard, NEW.last_g, times[cardinality(times)], texts[place + 1:]);
  RETURN NEW;
END
$$;

CREATE TRIGGER write_journal AFTER UPDATE OF last_g ON cursors
FOR EACH ROW WHEN (current_setting('application_name') IN ('razonete writer', 'razonete restore') AND NEW.last_g > OLD.last_g)
EXECUTE FUNCTION write_journal();

SELECT append_to_journal(shard, 0, coalesce(time, 0), coalesce(texts, '{}')) FROM cursors LEFT JOIN LATERAL (
  SELECT array_agg(text ORDER BY account) AS texts, max(decided_at) AS time FROM events_of_books()
  WHERE account % (SELECT shards FROM system) = shard
) AS e ON true;
