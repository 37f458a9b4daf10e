-- Transactions across shards, see docs/decisions/0029-across-shards.md.

-- Each part of such a transaction on a shard that is not its home: where it was prepared, and what ended it. `transaction`
-- is home's id of it, which its entries have, too; NULL unless it is finished. An attempt that nobody decides may be
-- prepared again long after it was undone, but of each attempt one part at most is open.
CREATE TABLE parts (
  shard integer NOT NULL,
  g bigint NOT NULL,
  event integer NOT NULL,
  time bigint NOT NULL,
  attempt text COLLATE "C" NOT NULL,
  state text NOT NULL CHECK (state IN ('open', 'finished', 'undone')),
  transaction text COLLATE "C",
  ended_g bigint,
  ended_event integer,
  ended_at bigint,
  PRIMARY KEY (shard, g, event),
  CHECK ((state = 'open') = (ended_at IS NULL)),
  CHECK ((state = 'finished') = (transaction IS NOT NULL))
);

CREATE INDEX parts_attempt ON parts (attempt, shard);
CREATE UNIQUE INDEX parts_open ON parts (shard, attempt) WHERE state = 'open';
CREATE INDEX parts_finished ON parts (shard, ended_g, ended_event) WHERE state = 'finished';

-- What home has decided: the event, the shards of the other parts.
CREATE TABLE transits (
  attempt text COLLATE "C" PRIMARY KEY,
  shard integer NOT NULL,
  g bigint NOT NULL,
  event integer NOT NULL,
  time bigint NOT NULL,
  transaction text COLLATE "C" NOT NULL,
  hold text COLLATE "C",
  shards integer[] NOT NULL
);

-- What the accounts of a shard have from accounts of other shards, less what they have paid them. All shards together have 0
-- of each unit, but for what is in transit: decided, and not yet arrived in the books of each shard.
CREATE TABLE from_shards (
  shard integer,
  unit text COLLATE "C",
  amount numeric NOT NULL,
  PRIMARY KEY (shard, unit)
);

-- What events change of these tables, all of one shard. Members of `changes` are JSON, see src/keep/transits/part-changes.ts:
-- parts (that were prepared; they may have ended since), ends (of parts that were there before), transits, from_shards.
-- RZ001: the books differ from what the events build upon.
CREATE FUNCTION add_transits(of_shard integer, changes jsonb) RETURNS void LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
  ended bigint;
BEGIN
  -- Before new ones: the same attempt may be prepared once more.
  UPDATE parts AS p
  SET state = e.state, transaction = e.transaction, ended_g = e.ended_g, ended_event = e.ended_event, ended_at = e.ended_at
  FROM (
    SELECT of_shard AS shard, n.* FROM jsonb_to_recordset(changes->'ends') AS n (
      attempt text, state text, transaction text, ended_g bigint, ended_event integer, ended_at bigint
    )
  ) AS e
  WHERE p.shard = e.shard AND p.attempt = e.attempt AND p.state = 'open';
  GET DIAGNOSTICS ended = ROW_COUNT;
  IF ended <> jsonb_array_length(changes->'ends') THEN
    RAISE EXCEPTION 'the books have % open parts of % that end', ended, jsonb_array_length(changes->'ends')
      USING ERRCODE = 'RZ001';
  END IF;

  INSERT INTO parts (shard, g, event, time, attempt, state, transaction, ended_g, ended_event, ended_at)
  SELECT of_shard, p.* FROM jsonb_to_recordset(changes->'parts') AS p (
    g bigint, event integer, time bigint, attempt text, state text, transaction text, ended_g bigint, ended_event integer,
    ended_at bigint
  );

  INSERT INTO transits (attempt, shard, g, event, time, transaction, hold, shards)
  SELECT t.attempt, of_shard, t.g, t.event, t.time, t.transaction, t.hold, t.shards
  FROM jsonb_to_recordset(changes->'transits') AS t (
    attempt text, g bigint, event integer, time bigint, transaction text, hold text, shards integer[]
  );

  INSERT INTO from_shards (shard, unit, amount)
  SELECT of_shard, s.unit, s.amount FROM jsonb_to_recordset(changes->'from_shards') AS s (unit text, amount numeric)
  ON CONFLICT (shard, unit) DO UPDATE SET amount = from_shards.amount + excluded.amount;
END
$$;

-- As keep_batches, for batches that change these tables, too: all of it or nothing.
CREATE FUNCTION keep_transits(
  of_shard integer, of_epoch text, first_g bigint, to_g bigint, last_hash text, journal_rows text,
  separators text, rest jsonb, new_entries text, new_holds text, ends text, changes text, transits jsonb
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  found_g bigint;
BEGIN
  found_g := keep_batches(
    of_shard, of_epoch, first_g, to_g, last_hash, journal_rows, separators, rest, new_entries, new_holds, ends, changes
  );
  IF found_g = first_g - 1 THEN
    PERFORM add_transits(of_shard, transits);
  END IF;
  RETURN found_g;
END
$$;
