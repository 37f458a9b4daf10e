-- The latest batch that anyone has seen answered and that Redis was then found not to have; 0 where there is none. A
-- Redis that does not reach it is older than what was answered, whatever the cursor says.
ALTER TABLE cursors ADD COLUMN seen_g bigint NOT NULL DEFAULT 0 CHECK (seen_g >= 0);

-- Each restore, in order. One that is not finished is gone on with before anything else.
CREATE TABLE restores (
  restore bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  epoch_before text NOT NULL,
  epoch_after text NOT NULL UNIQUE,
  -- No account gets a number under it: some were given out in batches that are lost.
  next_account bigint NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  report jsonb NOT NULL
);

-- Notes a batch that was seen. Only for the epoch in force: a plain UPDATE that waits for a restore to commit would
-- look at the epoch as it was before.
CREATE FUNCTION note_seen(of_shard integer, of_epoch text, g bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM cursors AS c WHERE c.shard = of_shard AND c.seen_g < g FOR UPDATE;
  UPDATE cursors AS c SET seen_g = g
  WHERE c.shard = of_shard AND c.seen_g < g AND EXISTS (SELECT FROM system AS s WHERE s.epoch = of_epoch);
END
$$;
