-- What audits found, the last one last, for those who look after the ledger. Nothing of it is made of the journal, and no
-- audit reads it.
CREATE TABLE audits (
  audit bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  finished_at timestamptz NOT NULL,
  agreed boolean NOT NULL,
  findings integer NOT NULL CHECK (findings >= 0),
  seconds double precision NOT NULL
);

-- Where a writer found that the outbox does not continue the books: at batch `g` of the shard. It is over once the books
-- have that batch.
CREATE TABLE divergences (
  shard integer PRIMARY KEY,
  g bigint NOT NULL,
  said text NOT NULL,
  found_at timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION note_divergence(of_shard integer, of_g bigint, reason text) RETURNS void LANGUAGE sql AS $$
  INSERT INTO divergences (shard, g, said) VALUES (of_shard, of_g, reason)
  ON CONFLICT (shard) DO UPDATE SET g = excluded.g, said = excluded.said, found_at = now()
$$;
