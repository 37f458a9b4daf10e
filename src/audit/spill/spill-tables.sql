-- What an audit has read of outboxes and feed, to compare it with the books later. SQLite stores temporary tables in
-- files without a name, which are gone when the connection ends; small tables stay in memory.

CREATE TEMP TABLE batches (
  place INTEGER PRIMARY KEY,
  g INTEGER NOT NULL
) STRICT;

-- `account` is the first that the event changes; NULL if the text is not an event, or a refusal, which is of no account.
CREATE TEMP TABLE events (
  place INTEGER PRIMARY KEY,
  g INTEGER NOT NULL,
  account TEXT,
  is_event INTEGER NOT NULL,
  text TEXT NOT NULL
) STRICT;

CREATE INDEX temp.events_by_account ON events (account, g);
CREATE INDEX temp.events_by_g ON events (g);

-- The other accounts of events that change several.
CREATE TEMP TABLE others (
  account TEXT NOT NULL,
  g INTEGER NOT NULL,
  event INTEGER NOT NULL
) STRICT;

CREATE INDEX temp.others_by_account ON others (account, g);

-- The events about holds and reversals by their keys in Redis; `at` is the event's place in its batch, from 0.
CREATE TEMP TABLE moves (
  key TEXT NOT NULL,
  g INTEGER NOT NULL,
  at INTEGER NOT NULL,
  event INTEGER NOT NULL
) STRICT;

CREATE INDEX temp.moves_by_key ON moves (key, g);

-- Accounts that are to be compared together with the outbox.
CREATE TEMP TABLE changing (
  place INTEGER PRIMARY KEY,
  shard INTEGER NOT NULL,
  key TEXT NOT NULL,
  UNIQUE (shard, key)
) STRICT;

-- The same of keys of holds and reversals.
CREATE TEMP TABLE changing_moves (
  place INTEGER PRIMARY KEY,
  shard INTEGER NOT NULL,
  key TEXT NOT NULL,
  UNIQUE (shard, key)
) STRICT;

-- Batches of the feed that the books did not have; `events` is a JSON array of texts.
CREATE TEMP TABLE ahead (
  place INTEGER PRIMARY KEY,
  shard INTEGER NOT NULL,
  g INTEGER NOT NULL,
  events TEXT NOT NULL
) STRICT;
