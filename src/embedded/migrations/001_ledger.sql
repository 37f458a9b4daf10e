-- The ledger on one SQLite file. Amounts are in cents, times in microseconds since 1970-01-01T00:00:00Z.

-- "Razo": tells this program's files from other SQLite files.
PRAGMA application_id = 0x52617a6f;

CREATE TABLE accounts (
  account INTEGER PRIMARY KEY CHECK (account > 0),
  name TEXT,
  command TEXT NOT NULL,
  opened_at INTEGER NOT NULL
) STRICT;

-- Every limit that an account has had; the highest version is in force. An entry was decided under the highest
-- version with after_seq < its seq, so that it can be told of each entry which limit it had to keep.
CREATE TABLE limits (
  account INTEGER NOT NULL,
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
  account INTEGER NOT NULL,
  seq INTEGER NOT NULL CHECK (seq > 0),
  kind TEXT NOT NULL CHECK (kind IN ('credit', 'debit')),
  value INTEGER NOT NULL CHECK (value > 0),
  balance INTEGER NOT NULL CHECK (balance BETWEEN -9007199254740991 AND 9007199254740991),
  description TEXT NOT NULL,
  command TEXT NOT NULL,
  time INTEGER NOT NULL,
  PRIMARY KEY (account, seq)
) STRICT, WITHOUT ROWID;

-- What became of the commands that came with a client's key, until it is forgotten.
CREATE TABLE outcomes (
  command TEXT PRIMARY KEY,
  content TEXT NOT NULL,
  outcome TEXT NOT NULL CHECK (json_valid(outcome)),
  forget_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX outcomes_by_forget_at ON outcomes (forget_at);
