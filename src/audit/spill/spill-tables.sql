-- What an audit has read of the outboxes and of the feed, and looks at again once it has asked the books. Temporary
-- tables are SQLite's own files, which have no name and are gone with the connection; little ones never leave the memory.

CREATE TEMP TABLE batches (
  place INTEGER PRIMARY KEY,
  g INTEGER NOT NULL
) STRICT;

-- `account` is NULL where the text is no event.
CREATE TEMP TABLE events (
  place INTEGER PRIMARY KEY,
  g INTEGER NOT NULL,
  account INTEGER,
  text TEXT NOT NULL
) STRICT;

CREATE INDEX temp.events_by_account ON events (account, g);
CREATE INDEX temp.events_by_g ON events (g);

-- Batches of the feed that the books did not have; `events` is a JSON array of texts.
CREATE TEMP TABLE ahead (
  place INTEGER PRIMARY KEY,
  shard INTEGER NOT NULL,
  g INTEGER NOT NULL,
  events TEXT NOT NULL
) STRICT;
