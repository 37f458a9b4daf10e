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
