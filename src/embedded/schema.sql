-- The ledger on one SQLite file. Amounts are in the smallest part of the account's unit, times in microseconds since 1970-01-01T00:00:00Z.
-- create-schema.ts sets user_version, which tells this schema from others.

-- "Razo": tells this program's files from other SQLite files.
PRAGMA application_id = 0x52617a6f;

-- What each commit decided, chained by hashes: docs/journal.md. All other tables but the last two are made of it.
CREATE TABLE journal (
  g INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  -- A JSON array of texts.
  events TEXT NOT NULL,
  previous BLOB NOT NULL,
  hash BLOB NOT NULL
) STRICT;

-- What an account is, but for its balance.
CREATE TABLE accounts (
  account TEXT PRIMARY KEY,
  unit TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'frozen', 'closed')),
  credit_limit INTEGER NOT NULL CHECK (credit_limit BETWEEN 0 AND 9007199254740991),
  -- The sum of its open holds.
  held INTEGER NOT NULL CHECK (held BETWEEN 0 AND 9007199254740991),
  name TEXT,
  -- A JSON object of texts; NULL if it has no member.
  metadata TEXT CHECK (json_valid(metadata)),
  -- A hash of what it was opened with; empty for the accounts of the start.
  opening TEXT NOT NULL,
  opened_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The only place of the balance: it is that of the account's latest entry, 0 before the first. The key keeps the
-- entries of one account together, which is what statements and lists of entries read, and refuses a doubled seq. The
-- last four columns are NULL for a transaction of the contest's route on an account that is open and has no hold: most
-- entries are of this kind, and so cost no more for what the others have.
CREATE TABLE entries (
  account TEXT NOT NULL,
  seq INTEGER NOT NULL CHECK (seq > 0),
  -- What comes in is over 0, what goes out below.
  amount INTEGER NOT NULL CHECK (amount <> 0),
  balance INTEGER NOT NULL CHECK (balance BETWEEN -9007199254740991 AND 9007199254740991),
  description TEXT NOT NULL,
  command TEXT NOT NULL,
  time INTEGER NOT NULL,
  -- The place of its event in the journal: the row, and which event of it, from 0.
  g INTEGER NOT NULL,
  place INTEGER NOT NULL,
  -- Which entry of its transaction, from 0.
  part INTEGER,
  -- The time of its event.
  decided_at INTEGER,
  -- NULL: the outside.
  counterparty TEXT,
  reference TEXT,
  PRIMARY KEY (account, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX entries_by_reference ON entries (reference, g, place) WHERE reference IS NOT NULL;

-- Open and ended holds, by the place of the event that made them.
CREATE TABLE holds (
  g INTEGER NOT NULL,
  place INTEGER NOT NULL,
  time INTEGER NOT NULL,
  account TEXT NOT NULL,
  -- To where it is captured, if the capture does not say otherwise; NULL: the outside.
  counterparty TEXT,
  amount INTEGER NOT NULL CHECK (amount BETWEEN 1 AND 9007199254740991),
  expires_at INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'captured', 'released', 'expired')),
  captured INTEGER NOT NULL CHECK (captured >= 0),
  -- The id of the transaction that its capture is, if it moved anything.
  moved_by TEXT,
  -- JSON, as in the event; empty for none.
  details TEXT NOT NULL,
  PRIMARY KEY (g, place)
) STRICT, WITHOUT ROWID;

CREATE INDEX holds_by_account ON holds (account, g, place);
CREATE INDEX holds_due ON holds (expires_at, g, place) WHERE state = 'open';

-- Transactions that were taken back, each by the one that did.
CREATE TABLE reversals (
  reversed TEXT PRIMARY KEY,
  reversal TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Where the commands that came with a client's key were decided, until they are forgotten: the outcome is what the event
-- at that place says.
CREATE TABLE outcomes (
  command TEXT PRIMARY KEY,
  g INTEGER NOT NULL,
  place INTEGER NOT NULL,
  forget_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX outcomes_by_forget_at ON outcomes (forget_at);

-- For how many hours keys are remembered that are decided in the row from_g of the journal, and in those after it.
CREATE TABLE key_hours (
  from_g INTEGER PRIMARY KEY,
  hours INTEGER NOT NULL CHECK (hours BETWEEN 1 AND 168)
) STRICT;

INSERT INTO key_hours VALUES (0, 24);

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
