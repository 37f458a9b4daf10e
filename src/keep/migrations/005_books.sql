-- The books of the cluster. Amounts are in the smallest part of the account's unit, times in microseconds since 1970-01-01T00:00:00Z.

-- One row: which data in Redis these books belong to. `loaded` becomes true once, when Redis holds the epoch's
-- accounts; from then on a Redis without them has lost data, and is not filled again but refused. `key_hours` is for how
-- long clients' keys are remembered that are decided from now on, and `key_hours_least` the least that this ever was.
CREATE TABLE system (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  epoch text NOT NULL,
  shards integer NOT NULL CHECK (shards > 0),
  loaded boolean NOT NULL,
  key_hours integer NOT NULL DEFAULT 24 CHECK (key_hours BETWEEN 1 AND 168),
  key_hours_least integer NOT NULL DEFAULT 24 CHECK (key_hours_least BETWEEN 1 AND key_hours)
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

-- An account as it stands after its latest event. The few columns that change often are in no index, and the room left
-- in each page keeps such a change inside of it. `opening` is a hash of what it was opened with, by which the same opening
-- is told from another one; empty for the accounts of the start, which nobody has opened. `from_others` is what came in from
-- other accounts less what went out to them, `entries_more` how many of its entries are not the first of a transaction: from
-- them the trial balance is added up. Both are NULL in place of 0, so they cost nothing where there is none.
CREATE TABLE accounts (
  account text COLLATE "C" PRIMARY KEY,
  unit text NOT NULL,
  name text COLLATE "C",
  metadata jsonb NOT NULL DEFAULT '{}',
  opening text NOT NULL DEFAULT '',
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'frozen', 'closed')),
  credit_limit bigint NOT NULL CHECK (credit_limit BETWEEN 0 AND 9007199254740991),
  balance bigint NOT NULL CHECK (balance <= 9007199254740991),
  held bigint NOT NULL DEFAULT 0 CHECK (held BETWEEN 0 AND 9007199254740991),
  seq bigint NOT NULL CHECK (seq >= 0),
  opened_at bigint NOT NULL,
  command text NOT NULL,
  from_others numeric,
  entries_more bigint,
  CHECK (balance - held >= -credit_limit)
) WITH (fillfactor = 70);

-- For names by their beginning, and metadata by its members. Neither has accounts without any.
CREATE INDEX accounts_name ON accounts (name, account) WHERE name IS NOT NULL;
CREATE INDEX accounts_metadata ON accounts USING gin (metadata jsonb_path_ops) WHERE metadata <> '{}';

-- `credit_limit` is the one that the entry had to keep. Its event is in the journal: the one at `event` (from 0) of batch `g` of
-- the shard. `counterparty` is NULL for the outside, `decided_at` where the event has the entry's time. The order of the
-- columns leaves no gaps in a row.
CREATE TABLE entries (
  seq bigint NOT NULL CHECK (seq > 0),
  value bigint NOT NULL CHECK (value > 0),
  balance bigint NOT NULL CHECK (balance BETWEEN -credit_limit AND 9007199254740991),
  credit_limit bigint NOT NULL CHECK (credit_limit BETWEEN 0 AND 9007199254740991),
  time bigint NOT NULL,
  g bigint NOT NULL,
  shard integer NOT NULL,
  event integer NOT NULL,
  account text COLLATE "C" NOT NULL,
  kind text NOT NULL CHECK (kind IN ('credit', 'debit')),
  description text NOT NULL,
  command text NOT NULL,
  counterparty text COLLATE "C",
  reference text COLLATE "C",
  decided_at bigint,
  PRIMARY KEY (account, seq)
);

-- In the order in which transactions are listed. An entry without a reference, as of the contest's route, costs nothing here.
CREATE INDEX entries_reference ON entries (reference, shard, g, event) WHERE reference IS NOT NULL;

-- Every hold, by the place of its event in the journal. `recipient` is where it is to go, NULL for the outside.
-- `details` is JSON, as the event has it to the letter. What ended it is at `ended_event` of batch `ended_g`; if it captured
-- anything, that is the transaction.
CREATE TABLE holds (
  shard integer NOT NULL,
  g bigint NOT NULL,
  event integer NOT NULL,
  time bigint NOT NULL,
  account text COLLATE "C" NOT NULL,
  recipient text COLLATE "C",
  amount bigint NOT NULL CHECK (amount BETWEEN 1 AND 9007199254740991),
  captured bigint NOT NULL CHECK (captured >= 0),
  state text NOT NULL CHECK (state IN ('open', 'captured', 'released', 'expired')),
  expires_at bigint NOT NULL,
  command text NOT NULL,
  details text NOT NULL,
  ended_g bigint,
  ended_event integer,
  ended_at bigint,
  PRIMARY KEY (shard, g, event),
  CHECK ((state = 'open') = (ended_at IS NULL))
);

CREATE INDEX holds_account ON holds (account, g, event);
CREATE INDEX holds_open ON holds (shard, g, event) WHERE state = 'open';

-- Which transaction was taken back by which other one, when.
CREATE TABLE reversals (
  reversed text COLLATE "C" PRIMARY KEY,
  reversal text COLLATE "C" NOT NULL,
  time bigint NOT NULL
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

-- The entries of the events `c` and `d`, in the order of the table's columns, but for batch and shard. The last field, the
-- description, is the rest of the text and may contain spaces, but seldom does. A plain query, so that PostgreSQL plans
-- it as part of the statement that calls it.
CREATE FUNCTION entries_of(texts text[]) RETURNS TABLE (
  seq bigint, value bigint, balance bigint, credit_limit bigint, "time" bigint, event integer, account text, kind text,
  description text, command text
) LANGUAGE sql STABLE AS $$
  SELECT f[3]::bigint, f[5]::bigint, f[6]::bigint, f[7]::bigint, f[4]::bigint, at - 1, f[2],
    CASE f[1] WHEN 'c' THEN 'credit' ELSE 'debit' END,
    CASE cardinality(f) WHEN 9 THEN f[9] ELSE array_to_string(f[9:], ' ') END, f[8]
  FROM (
    SELECT string_to_array(unnest(texts), ' ') AS f, generate_subscripts(texts, 1) AS at OFFSET 0
  ) AS fields
  WHERE f[1] IN ('c', 'd')
$$;

-- What events change beside the journal and the entries of `c` and `d`, all of one shard. Arguments that are texts hold
-- rows, and these fields: both are split at a character of their own, the two of separators. It is done much sooner than
-- JSON or an array is read, and one text of rows sooner than a column each.
--
-- rest     JSON of what is rare, each member only if there is any:
--          opened    [{account, unit, name, metadata, opening, credit_limit, opened_at, command}], with no entries yet
--          details   [{account, name, metadata}], as they are now
--          limits    [{account, credit_limit, after_seq, command, changed_at}] in their order, whether changed or not
--          reversals [{reversed, reversal, time}]
-- entries  those of transactions between accounts and of captures
-- holds    those that were created; they may have ended since
-- ends     of the holds that were there before
-- changes  the accounts that change, each once: account, then how it must stand before (seq, balance, limit: an empty one
--          does not matter) and how it stands after, the same three. Where it is not open, has a hold, or deals with other
--          accounts, further: held before and after, state before (an empty one does not matter) and after, what came in
--          from other accounts less what went out to them, and how many entries are not the first of their transaction
--
-- Returns how many accounts have changed.
-- RZ001: the books differ from what the events build upon; the detail is "account seq".
CREATE FUNCTION add_changes(
  of_shard integer, separators text, rest jsonb, new_entries text, new_holds text, ends text, changes text
) RETURNS bigint LANGUAGE plpgsql
-- Rows are found by keys, however many. To plan that anew for each call would take longer than to do it.
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
  by_row constant text := left(separators, 1);
  by_field constant text := right(separators, 1);
  account_rows constant text[] := string_to_array(changes, by_row);
  changed bigint;
  ended bigint;
  odd record;
BEGIN
  IF rest ? 'opened' THEN
    INSERT INTO accounts (account, unit, name, metadata, opening, credit_limit, balance, seq, opened_at, command)
    SELECT o.account, o.unit, o.name, o.metadata, o.opening, o.credit_limit, 0, 0, o.opened_at, o.command
    FROM jsonb_to_recordset(rest->'opened') AS o (
      account text, unit text, name text, metadata jsonb, opening text, credit_limit bigint, opened_at bigint, command text
    );
  END IF;

  UPDATE accounts AS a
  SET seq = c.f[5]::bigint, balance = c.f[6]::bigint, credit_limit = c.f[7]::bigint, held = coalesce(c.f[9]::bigint, 0),
    state = coalesce(c.f[11], 'open'),
    from_others = CASE WHEN c.f[12] IS NULL THEN a.from_others
      ELSE nullif(coalesce(a.from_others, 0) + c.f[12]::numeric, 0) END,
    entries_more = CASE WHEN c.f[13] IS NULL THEN a.entries_more
      ELSE nullif(coalesce(a.entries_more, 0) + c.f[13]::bigint, 0) END
  FROM (SELECT string_to_array(unnest(account_rows), by_field) AS f OFFSET 0) AS c
  WHERE a.account = c.f[1] AND a.seq = c.f[2]::bigint AND a.balance = c.f[3]::bigint
    AND (c.f[4] = '' OR a.credit_limit = c.f[4]::bigint) AND a.held = coalesce(c.f[8]::bigint, 0)
    AND (c.f[10] = '' OR a.state = coalesce(c.f[10], 'open'));
  GET DIAGNOSTICS changed = ROW_COUNT;
  IF changed <> cardinality(account_rows) THEN
    SELECT c.f[1] AS account, c.f[2]::bigint + 1 AS seq, a.seq AS found_seq, a.balance AS found_balance,
      a.held AS found_held, a.state AS found_state INTO odd
    FROM (SELECT string_to_array(unnest(account_rows), by_field) AS f OFFSET 0) AS c
    LEFT JOIN accounts AS a ON a.account = c.f[1]
    WHERE (a.seq, a.balance, a.credit_limit, a.held, a.state) IS DISTINCT FROM (
      c.f[5]::bigint, c.f[6]::bigint, c.f[7]::bigint, coalesce(c.f[9]::bigint, 0), coalesce(c.f[11], 'open')
    )
    ORDER BY c.f[1] LIMIT 1;
    RAISE EXCEPTION 'the books have it at seq % with balance %, % held, %',
        coalesce(odd.found_seq::text, 'none'), coalesce(odd.found_balance::text, 'none'),
        coalesce(odd.found_held::text, 'none'), coalesce(odd.found_state, 'not there')
      USING ERRCODE = 'RZ001', DETAIL = format('%s %s', odd.account, odd.seq);
  END IF;

  IF rest ? 'details' THEN
    UPDATE accounts AS a SET name = d.name, metadata = d.metadata
    FROM jsonb_to_recordset(rest->'details') AS d (account text, name text, metadata jsonb)
    WHERE a.account = d.account;
  END IF;

  IF new_entries <> '' THEN
    INSERT INTO entries (
      seq, value, balance, credit_limit, time, g, shard, event, account, kind, description, command, counterparty,
      reference, decided_at
    )
    SELECT f[1]::bigint, f[2]::bigint, f[3]::bigint, f[4]::bigint, f[5]::bigint, f[6]::bigint, of_shard, f[7]::integer,
      f[8], f[9], f[10], f[11], nullif(f[12], ''), nullif(f[13], ''), nullif(f[14], '')::bigint
    FROM (SELECT string_to_array(unnest(string_to_array(new_entries, by_row)), by_field) AS f OFFSET 0) AS fields;
  END IF;

  IF new_holds <> '' THEN
    INSERT INTO holds (
      shard, g, event, time, account, recipient, amount, captured, state, expires_at, command, details, ended_g,
      ended_event, ended_at
    )
    SELECT of_shard, f[1]::bigint, f[2]::integer, f[3]::bigint, f[4], nullif(f[5], ''), f[6]::bigint, f[7]::bigint, f[8],
      f[9]::bigint, f[10], f[11], nullif(f[12], '')::bigint, nullif(f[13], '')::integer, nullif(f[14], '')::bigint
    FROM (SELECT string_to_array(unnest(string_to_array(new_holds, by_row)), by_field) AS f OFFSET 0) AS fields;
  END IF;

  IF ends <> '' THEN
    -- The shard is one of the rows' fields, and what is open is told by `ended_at`: as long as there are no statistics, all
    -- open holds of the shard would else be read, and each compared with each row.
    UPDATE holds AS h
    SET captured = e.f[3]::bigint, state = e.f[4], ended_g = e.f[5]::bigint, ended_event = e.f[6]::integer,
      ended_at = e.f[7]::bigint
    FROM (
      SELECT of_shard AS shard, string_to_array(unnest(string_to_array(ends, by_row)), by_field) AS f OFFSET 0
    ) AS e
    WHERE h.shard = e.shard AND h.g = e.f[1]::bigint AND h.event = e.f[2]::integer AND h.ended_at IS NULL;
    GET DIAGNOSTICS ended = ROW_COUNT;
    IF ended <> cardinality(string_to_array(ends, by_row)) THEN
      RAISE EXCEPTION 'the books have % open holds of % that end', ended, cardinality(string_to_array(ends, by_row))
        USING ERRCODE = 'RZ001';
    END IF;
  END IF;

  IF rest ? 'limits' THEN
    INSERT INTO limits (account, version, credit_limit, after_seq, command, changed_at)
    SELECT n.account, n.version + row_number() OVER (PARTITION BY n.account ORDER BY n.position), n.credit_limit,
      n.after_seq, n.command, n.changed_at
    FROM (
      SELECT l.*, coalesce(latest.version, 0) AS version,
        lag(l.credit_limit, 1, latest.credit_limit) OVER (PARTITION BY l.account ORDER BY l.position) AS limit_before
      FROM ROWS FROM (
        jsonb_to_recordset(rest->'limits')
          AS (account text, credit_limit bigint, after_seq bigint, command text, changed_at bigint)
      ) WITH ORDINALITY AS l (account, credit_limit, after_seq, command, changed_at, position)
      LEFT JOIN LATERAL (
        SELECT k.version, k.credit_limit FROM limits AS k WHERE k.account = l.account ORDER BY k.version DESC LIMIT 1
      ) AS latest ON true
    ) AS n
    WHERE n.credit_limit IS DISTINCT FROM n.limit_before;
  END IF;

  IF rest ? 'reversals' THEN
    INSERT INTO reversals (reversed, reversal, time)
    SELECT r.reversed, r.reversal, r.time
    FROM jsonb_to_recordset(rest->'reversals') AS r (reversed text, reversal text, time bigint);
  END IF;
  RETURN changed;
END
$$;

-- Keeps batches first_g to to_g of one shard: all of it or, with any error, nothing. One call, one round trip, one
-- transaction. Under READ COMMITTED each statement in here sees what was committed before it, so what follows the
-- cursor's lock sees everything that its former holder did.
--
-- journal_rows the first of the separators is between two fields, twice between two rows. The fields are g, time, the hash
--          of the row before and its own (both in hex), then the events. last_hash is that of the row before them, in hex
-- The other arguments are those of add_changes.
--
-- Returns the cursor as it was found: first_g - 1 where the batches were kept, anything else where they were not; -1
-- where the journal does not end with the row of last_hash, so that no chain of hashes forks.
-- RZ001: as of add_changes. RZ002: another epoch.
CREATE FUNCTION keep_batches(
  of_shard integer, of_epoch text, first_g bigint, to_g bigint, last_hash text, journal_rows text,
  separators text, rest jsonb, new_entries text, new_holds text, ends text, changes text
) RETURNS bigint LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
DECLARE
  separator constant text := left(separators, 1);
  found_g bigint;
  is_epoch boolean;
  is_end boolean;
  changed bigint;
BEGIN
  -- It is the lock, too.
  UPDATE cursors AS c SET last_g = to_g WHERE c.shard = of_shard AND c.last_g = first_g - 1;
  IF NOT FOUND THEN
    SELECT c.last_g INTO found_g FROM cursors AS c WHERE c.shard = of_shard;
    IF found_g IS NULL THEN
      RAISE EXCEPTION 'the books have no shard %', of_shard USING ERRCODE = 'RZ002';
    END IF;
    RETURN found_g;
  END IF;
  SELECT s.epoch = of_epoch, j.hash = decode(last_hash, 'hex') INTO is_epoch, is_end
  FROM system AS s LEFT JOIN journal AS j ON j.shard = of_shard AND j.g = first_g - 1;
  IF is_epoch IS NOT TRUE THEN
    RAISE EXCEPTION 'the books are not of epoch %', of_epoch USING ERRCODE = 'RZ002';
  END IF;
  IF is_end IS NOT TRUE THEN
    UPDATE cursors AS c SET last_g = first_g - 1 WHERE c.shard = of_shard;
    RETURN -1;
  END IF;

  -- Not a query: as an expression it is called without one.
  changed := add_changes(of_shard, separators, rest, new_entries, new_holds, ends, changes);

  WITH kept AS (
    INSERT INTO journal (shard, g, time, previous, hash, events)
    SELECT of_shard, f[1]::bigint, f[2]::bigint, decode(f[3], 'hex'), decode(f[4], 'hex'), f[5:]
    FROM (
      SELECT string_to_array(unnest(string_to_array(journal_rows, separator || separator)), separator) AS f OFFSET 0
    ) AS fields
    RETURNING g, events
  )
  INSERT INTO entries (
    seq, value, balance, credit_limit, time, event, account, kind, description, command, g, shard
  )
  SELECT e.*, kept.g, of_shard FROM kept, entries_of(kept.events) AS e;
  RETURN first_g - 1;
END
$$;

-- The seq of an account's first entry at or after a time; one more than the latest if there is none. An account's entries
-- rise by time, so none of them needs an index by it.
CREATE FUNCTION first_seq(of_account text, latest bigint, from_time bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
  low bigint := 1;
  high bigint := latest + 1;
  middle bigint;
BEGIN
  WHILE low < high LOOP
    middle := (low + high) / 2;
    IF (SELECT e.time FROM entries AS e WHERE e.account = of_account AND e.seq = middle) < from_time THEN
      low := middle + 1;
    ELSE
      high := middle;
    END IF;
  END LOOP;
  RETURN low;
END
$$;

-- The first row of a shard's journal whose latest event is at or after a time; the latest row if there is none. Rows rise
-- by time, but for those that a restore has put in place of what it found nowhere: they have the time of the restore, and
-- are passed over.
CREATE FUNCTION first_g(of_shard integer, latest bigint, from_time bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
  low bigint := 0;
  high bigint := latest;
  middle bigint;
  next record;
BEGIN
  WHILE low < high LOOP
    middle := (low + high) / 2;
    SELECT j.g, j.time INTO next FROM journal AS j
    WHERE j.shard = of_shard AND j.g >= middle AND NOT starts_with(j.events[1], 'm ') ORDER BY j.g LIMIT 1;
    IF next.time < from_time THEN
      low := next.g + 1;
    ELSE
      high := middle;
    END IF;
  END LOOP;
  RETURN low;
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
