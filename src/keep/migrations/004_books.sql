-- The books of the cluster. Amounts are in the smallest part of the account's unit, times in microseconds since 1970-01-01T00:00:00Z.

-- One row: which data in Redis these books belong to. `loaded` becomes true once, when Redis holds the epoch's
-- accounts; from then on a Redis without them has lost data, and is not filled again but refused.
CREATE TABLE system (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  epoch text NOT NULL,
  shards integer NOT NULL CHECK (shards > 0),
  loaded boolean NOT NULL
);

-- How far each shard's batches are kept: to the last row of its journal. Its row lock lets one transaction at a time keep
-- batches of a shard. `seen_g` is the latest batch that anyone has seen answered and that Redis was then found not to
-- have; 0 where there is none. A Redis that does not reach it is older than what was answered, whatever `last_g` says.
CREATE TABLE cursors (
  shard integer PRIMARY KEY CHECK (shard >= 0),
  last_g bigint NOT NULL CHECK (last_g >= 0),
  seen_g bigint NOT NULL DEFAULT 0 CHECK (seen_g >= 0)
);

-- What each batch decided, see docs/journal.md: all tables below are made of it. Rows are added, and never changed. Large
-- rows are compressed: by lz4, for which the server needs less CPU than by default.
CREATE TABLE journal (
  shard integer CHECK (shard >= 0),
  g bigint CHECK (g >= 0),
  time bigint NOT NULL,
  events text[] COMPRESSION lz4 NOT NULL,
  previous bytea NOT NULL CHECK (length(previous) = 32),
  hash bytea NOT NULL CHECK (length(hash) = 32),
  PRIMARY KEY (shard, g)
);

-- An account as it stands after its latest entry. The few columns that change are in no index, and the room left in
-- each page keeps such a change inside of it.
CREATE TABLE accounts (
  account text COLLATE "C" PRIMARY KEY,
  unit text NOT NULL,
  name text,
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'frozen', 'closed')),
  credit_limit bigint NOT NULL CHECK (credit_limit BETWEEN 0 AND 9007199254740991),
  balance bigint NOT NULL CHECK (balance BETWEEN -credit_limit AND 9007199254740991),
  held bigint NOT NULL DEFAULT 0 CHECK (held BETWEEN 0 AND 9007199254740991),
  seq bigint NOT NULL CHECK (seq >= 0),
  opened_at bigint NOT NULL,
  command text NOT NULL
) WITH (fillfactor = 70);

-- `credit_limit` is the one that the entry had to keep.
CREATE TABLE entries (
  account text COLLATE "C" NOT NULL,
  seq bigint NOT NULL CHECK (seq > 0),
  kind text NOT NULL CHECK (kind IN ('credit', 'debit')),
  value bigint NOT NULL CHECK (value > 0),
  balance bigint NOT NULL CHECK (balance BETWEEN -credit_limit AND 9007199254740991),
  credit_limit bigint NOT NULL CHECK (credit_limit BETWEEN 0 AND 9007199254740991),
  description text NOT NULL,
  command text NOT NULL,
  time bigint NOT NULL,
  PRIMARY KEY (account, seq)
);

-- Every limit that an account has had; the highest version is in force, for the entries after `after_seq`.
CREATE TABLE limits (
  account text COLLATE "C" NOT NULL,
  version integer NOT NULL CHECK (version > 0),
  credit_limit bigint NOT NULL CHECK (credit_limit BETWEEN 0 AND 9007199254740991),
  after_seq bigint NOT NULL CHECK (after_seq >= 0),
  command text NOT NULL,
  changed_at bigint NOT NULL,
  PRIMARY KEY (account, version)
);

-- Each restore, in order. One that is not finished is gone on with before anything else.
CREATE TABLE restores (
  restore bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  epoch_before text NOT NULL,
  epoch_after text NOT NULL UNIQUE,
  started_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  report jsonb NOT NULL
);

-- The entries that events make, in their order. The last field, the description, is the rest of the text and may contain
-- spaces, but seldom does. A plain query, so that PostgreSQL plans it as part of the statement that calls it.
CREATE FUNCTION entries_of(texts text[]) RETURNS TABLE (
  account text, seq bigint, kind text, value bigint, balance bigint, credit_limit bigint, description text,
  command text, "time" bigint
) LANGUAGE sql STABLE AS $$
  SELECT f[2], f[3]::bigint, CASE f[1] WHEN 'c' THEN 'credit' ELSE 'debit' END, f[5]::bigint, f[6]::bigint,
    f[7]::bigint, CASE cardinality(f) WHEN 9 THEN f[9] ELSE array_to_string(f[9:], ' ') END, f[8], f[4]::bigint
  FROM (SELECT string_to_array(unnest(texts), ' ') AS f OFFSET 0) AS fields
  WHERE f[1] IN ('c', 'd')
$$;

-- Keeps batches first_g to to_g of one shard: all of it or, with any error, nothing. One call, one round trip, one
-- transaction. Under READ COMMITTED each statement in here sees what was committed before it, so what follows the
-- cursor's lock sees everything that its former holder did.
--
-- rows     of the journal, the events of all in one text, which is split much sooner than an array is read: separator
--          is between two events, twice between two rows. last_hash is that of the row before them
-- opened   JSON [{account, unit, name, credit_limit, opened_at, command}], with balance 0 and no entries
-- limits   JSON [{account, credit_limit, after_seq, command, changed_at}], in their order
-- accounts the accounts that change, each once: how they must stand before (a limit of NULL: it does not matter)
--          and how they stand after
--
-- Returns the cursor as it was found: first_g - 1 where the batches were kept, anything else where they were not; -1
-- where the journal does not end with the row of last_hash, so that no chain of hashes forks.
-- RZ001: the books differ from what the batches build upon; the detail is "account seq". RZ002: another epoch.
CREATE FUNCTION keep_batches(
  of_shard integer, of_epoch text, first_g bigint, to_g bigint,
  last_hash bytea, gs bigint[], row_times bigint[], row_events text, separator text, hashes bytea[],
  opened jsonb, new_limits jsonb,
  accounts_ text[], seqs_before bigint[], balances_before bigint[], limits_before bigint[],
  seqs_after bigint[], balances_after bigint[], limits_after bigint[]
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  found_g bigint;
  changed bigint;
  odd record;
BEGIN
  SELECT c.last_g INTO found_g FROM cursors AS c WHERE c.shard = of_shard FOR UPDATE;
  IF found_g IS NULL THEN
    RAISE EXCEPTION 'the books have no shard %', of_shard USING ERRCODE = 'RZ002';
  END IF;
  IF found_g <> first_g - 1 THEN
    RETURN found_g;
  END IF;
  IF NOT EXISTS (SELECT FROM system AS s WHERE s.epoch = of_epoch) THEN
    RAISE EXCEPTION 'the books are not of epoch %', of_epoch USING ERRCODE = 'RZ002';
  END IF;
  IF NOT EXISTS (
    SELECT FROM journal AS j WHERE j.shard = of_shard AND j.g = found_g AND j.hash = last_hash
  ) THEN
    RETURN -1;
  END IF;

  IF jsonb_array_length(opened) > 0 THEN
    INSERT INTO accounts (account, unit, name, credit_limit, balance, seq, opened_at, command)
    SELECT o.account, o.unit, o.name, o.credit_limit, 0, 0, o.opened_at, o.command
    FROM jsonb_to_recordset(opened)
      AS o (account text, unit text, name text, credit_limit bigint, opened_at bigint, command text);
  END IF;

  UPDATE accounts AS a SET seq = c.seq_after, balance = c.balance_after, credit_limit = c.limit_after
  FROM unnest(accounts_, seqs_before, balances_before, limits_before, seqs_after, balances_after, limits_after)
    AS c (account, seq_before, balance_before, limit_before, seq_after, balance_after, limit_after)
  WHERE a.account = c.account AND a.seq = c.seq_before AND a.balance = c.balance_before
    AND a.credit_limit = coalesce(c.limit_before, a.credit_limit);
  GET DIAGNOSTICS changed = ROW_COUNT;
  IF changed <> cardinality(accounts_) THEN
    SELECT c.account, c.seq_before + 1 AS seq, a.seq AS found_seq, a.balance AS found_balance INTO odd
    FROM unnest(accounts_, seqs_before, seqs_after, balances_after, limits_after)
      AS c (account, seq_before, seq_after, balance_after, limit_after)
    LEFT JOIN accounts AS a ON a.account = c.account
    WHERE (a.seq, a.balance, a.credit_limit) IS DISTINCT FROM (c.seq_after, c.balance_after, c.limit_after)
    ORDER BY c.account LIMIT 1;
    RAISE EXCEPTION 'the books have it at seq % with balance %',
        coalesce(odd.found_seq::text, 'none'), coalesce(odd.found_balance::text, 'none')
      USING ERRCODE = 'RZ001', DETAIL = format('%s %s', odd.account, odd.seq);
  END IF;

  WITH kept AS (
    INSERT INTO journal (shard, g, time, events, previous, hash)
    SELECT of_shard, r.g, r.time, coalesce(string_to_array(r.events, separator), '{}'), r.previous, r.hash
    FROM unnest(
      gs, row_times, string_to_array(row_events, separator || separator),
      (last_hash || hashes)[:cardinality(hashes)], hashes
    ) AS r (g, time, events, previous, hash)
    RETURNING events
  )
  INSERT INTO entries (account, seq, kind, value, balance, credit_limit, description, command, time)
  SELECT e.* FROM kept, entries_of(kept.events) AS e;

  IF jsonb_array_length(new_limits) > 0 THEN
    INSERT INTO limits (account, version, credit_limit, after_seq, command, changed_at)
    SELECT n.account,
      coalesce((SELECT max(l.version) FROM limits AS l WHERE l.account = n.account), 0)
        + row_number() OVER (PARTITION BY n.account ORDER BY n.position),
      n.credit_limit, n.after_seq, n.command, n.changed_at
    FROM ROWS FROM (
      jsonb_to_recordset(new_limits)
        AS (account text, credit_limit bigint, after_seq bigint, command text, changed_at bigint)
    ) WITH ORDINALITY AS n (account, credit_limit, after_seq, command, changed_at, position);
  END IF;

  UPDATE cursors AS c SET last_g = to_g WHERE c.shard = of_shard;
  RETURN found_g;
END
$$;

-- Notes a batch that was seen. Only for the epoch in force: a plain UPDATE that waits for a restore to commit would
-- look at the epoch as it was before.
CREATE FUNCTION note_seen(of_shard integer, of_epoch text, g bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM cursors AS c WHERE c.shard = of_shard AND c.seen_g < g FOR UPDATE;
  UPDATE cursors AS c SET seen_g = g
  WHERE c.shard = of_shard AND c.seen_g < g AND EXISTS (SELECT FROM system AS s WHERE s.epoch = of_epoch);
END
$$;
