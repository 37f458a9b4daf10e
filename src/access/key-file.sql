-- The access keys of an embedded ledger, in a file of their own beside its data file; docs/decisions/0015 says why. Rows
-- are added and never deleted, and of a row only revoked_at changes, once. Times are in microseconds since 1970-01-01T00:00:00Z.
-- key-file.ts sets user_version.

-- "Razk": tells this file from others.
PRAGMA application_id = 0x52617a6b;

CREATE TABLE access_keys (
  name TEXT NOT NULL UNIQUE,
  -- SHA-256 of what clients send.
  hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
  -- With commas between them.
  scopes TEXT NOT NULL,
  -- What the ids of its accounts begin with; empty for all.
  accounts TEXT NOT NULL,
  -- Requests a second.
  rate INTEGER CHECK (rate > 0),
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER
) STRICT;
