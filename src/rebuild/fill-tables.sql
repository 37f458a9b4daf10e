-- What the journal's events of openings and limits say, in their order; `after_seq` is NULL for an opening. It is there
-- only during a rebuild.
CREATE TABLE account_events (
  place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account text COLLATE "C" NOT NULL,
  after_seq bigint,
  credit_limit bigint NOT NULL,
  command text NOT NULL,
  time bigint NOT NULL,
  unit text,
  name text
);

CREATE FUNCTION add_events(texts text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO entries (account, seq, kind, value, balance, credit_limit, description, command, time)
  SELECT * FROM entries_of(texts);

  -- The last field, a name, is the rest of the text, and may contain spaces.
  INSERT INTO account_events (account, after_seq, credit_limit, command, time, unit, name)
  SELECT f[2], CASE f[1] WHEN 'l' THEN f[3]::bigint END,
    CASE f[1] WHEN 'l' THEN f[6] ELSE f[4] END::bigint, CASE f[1] WHEN 'l' THEN f[7] ELSE f[5] END,
    CASE f[1] WHEN 'l' THEN f[4] ELSE f[3] END::bigint,
    CASE f[1] WHEN 'o' THEN f[6] END, CASE f[1] WHEN 'o' THEN nullif(array_to_string(f[7:], ' '), '') END
  FROM (
    SELECT string_to_array(text, ' ') AS f, place FROM unnest(texts) WITH ORDINALITY AS e (text, place)
  ) AS fields
  WHERE f[1] IN ('o', 'l') ORDER BY place;
END
$$;

-- After all events: an account has the limit and the entry that came last.
CREATE FUNCTION add_accounts() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO limits (account, version, credit_limit, after_seq, command, changed_at)
  SELECT account, row_number() OVER (PARTITION BY account ORDER BY place), credit_limit, coalesce(after_seq, 0),
    command, time
  FROM account_events;

  INSERT INTO accounts (account, unit, name, credit_limit, balance, seq, opened_at, command)
  SELECT o.account, o.unit, o.name, l.credit_limit, coalesce(e.balance, 0), coalesce(e.seq, 0), o.time, o.command
  FROM account_events AS o
  JOIN LATERAL (
    SELECT credit_limit FROM limits WHERE account = o.account ORDER BY version DESC LIMIT 1
  ) AS l ON true
  LEFT JOIN LATERAL (
    SELECT seq, balance FROM entries WHERE account = o.account ORDER BY seq DESC LIMIT 1
  ) AS e ON true
  WHERE o.after_seq IS NULL ORDER BY o.place;
END
$$;
