-- Which migrations a database has had. Made before the first one; never changed.
CREATE TABLE IF NOT EXISTS migrations (
  version integer PRIMARY KEY,
  applied_at timestamptz NOT NULL DEFAULT now()
);
