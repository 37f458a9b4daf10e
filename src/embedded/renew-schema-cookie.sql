-- Two changes of the schema, after which it is as before: each adds one to SQLite's schema cookie.
CREATE INDEX log_link_renewed ON log_link (id);
DROP INDEX log_link_renewed;
