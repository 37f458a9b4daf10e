-- Access keys: what each allows, and nothing of its secret but a hash. Rows are added and never deleted, and of a row only
-- `revoked_at` changes, once: so how many were made, how many revoked and when the last of either tell whether anything
-- has changed. The journal does not know of them.
CREATE TABLE access_keys (
  name text COLLATE "C" PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,31}$'),
  -- SHA-256 of what clients send.
  hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
  -- With commas between them.
  scopes text NOT NULL,
  -- What the ids of its accounts begin with; empty for all.
  accounts text NOT NULL,
  -- Requests a second.
  rate integer CHECK (rate > 0),
  created_at bigint NOT NULL,
  expires_at bigint,
  revoked_at bigint
);
