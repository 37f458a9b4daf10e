-- The ledger on one SQLite file. Amounts are in the smallest part of the account's unit, times in microseconds since 1970-01-01T00:00:00Z.
-- create-schema.ts sets user_version, which tells this schema from others.

-- "Razo": tells this program's files from other SQLite files.
PRAGMA application_id = 0x52617a6f;

-- What each commit decided, chained by hashes: docs/journal.md. All other tables but the last are made of it.
CREATE TABLE journal (
  g INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  -- A JSON array of texts.
  events TEXT NOT NULL,
  previous BLOB NOT NULL,
  hash BLOB NOT NULL
) STRICT;

CREATE TABLE accounts (
  account TEXT PRIMARY KEY,
  unit TEXT NOT NULL,
  name TEXT,
  state TEXT NOT NULL CHECK (state IN ('open', 'frozen', 'closed')),
  held INTEGER NOT NULL CHECK (held BETWEEN 0 AND 9007199254740991),
  command TEXT NOT NULL,
  opened_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Every limit that an account has had; the highest version is in force. An entry was decided under the highest
-- version with after_seq < its seq, so that it can be told of each entry which limit it had to keep.
CREATE TABLE limits (
  account TEXT NOT NULL,
  version INTEGER NOT NULL CHECK (version > 0),
  credit_limit INTEGER NOT NULL CHECK (credit_limit BETWEEN 0 AND 9007199254740991),
  after_seq INTEGER NOT NULL CHECK (after_seq >= 0),
  command TEXT NOT NULL,
  changed_at INTEGER NOT NULL,
  PRIMARY KEY (account, version)
) STRICT, WITHOUT ROWID;

-- The only place of the balance: it is that of the account's latest entry, 0 before the first. The key keeps the
-- entries of one account together, which is what statements and history read, and refuses a doubled seq.
CREATE TABLE entries (
  account TEXT NOT NULL,
  seq INTEGER NOT NULL CHECK (seq > 0),
  kind TEXT NOT NULL CHECK (kind IN ('credit', 'debit')),
  value INTEGER NOT NULL CHECK (value > 0),
  balance INTEGER NOT NULL CHECK (balance BETWEEN -9007199254740991 AND 9007199254740991),
  description TEXT NOT NULL,
  command TEXT NOT NULL,
  time INTEGER NOT NULL,
  PRIMARY KEY (account, seq)
) STRICT, WITHOUT ROWID;

-- What became of the commands that came with a client's key, until it is forgotten. To look it up: it follows from the
-- command's event in the journal.
CREATE TABLE outcomes (
  command TEXT PRIMARY KEY,
  content TEXT NOT NULL,
  outcome TEXT NOT NULL CHECK (json_valid(outcome)),
  forget_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX outcomes_by_forget_at ON outcomes (forget_at);

-- Tells which log (razonete.db-wal) belongs to this file, and which was left behind by another one. One row. The first
-- transaction of each log gives the file a new id and names the one before, so a log is this file's if it names the id
-- that the file has. All columns are of fixed length: the row is looked for in the pages of a log that SQLite may not open.
CREATE TABLE log_link (
  id TEXT NOT NULL CHECK (length(id) = 16),
  previous TEXT NOT NULL CHECK (length(previous) = 16),
  -- SQLite's schema cookie (PRAGMA schema_version) in hexadecimal. A copy by SQLite's backup API has another one.
  schema_cookie TEXT NOT NULL CHECK (length(schema_cookie) = 8)
) STRICT;

INSERT INTO log_link VALUES (lower(hex(randomblob(8))), '0000000000000000', '00000000');
