-- Webhooks and watches, and what became of each delivery. PostgreSQL has these tables in the books, SQLite in a file of
-- their own beside an embedded ledger's data file: the text is SQL that both know. The journal does not know of them, and
-- nothing of it is kept here but ids: what is sent is made of the journal at each attempt. Lists are JSON. Times are in
-- microseconds since 1970-01-01T00:00:00Z.

-- `owner` is the access key that made it, `beginning` what the ids of the accounts begin with that this key may see.
-- `taken` is a cursor: the events before it have become deliveries. `version` grows with each change that was asked for.
CREATE TABLE webhooks (
  id text PRIMARY KEY,
  owner text NOT NULL,
  beginning text NOT NULL,
  url text NOT NULL,
  types text,
  accounts text,
  state text NOT NULL CHECK (state IN ('active', 'paused', 'parked')),
  reason text,
  failing_since bigint,
  taken text NOT NULL,
  version integer NOT NULL,
  created_at bigint NOT NULL
);

-- What deliveries are signed with, apart from the rest: only the dispatcher may read it. After a rotation the former one
-- stays until its time has come, and both sign.
CREATE TABLE webhook_secrets (
  webhook text NOT NULL,
  secret text NOT NULL,
  until bigint
);

CREATE INDEX webhook_secrets_webhook ON webhook_secrets (webhook);

-- The event at `event` (from 0) of batch `g` of the shard, for a webhook; `sub` is empty, or tells which watch was crossed
-- by it. `before` is the place in the journal before it, as part of a cursor. `accounts` are those that it touches, in whose
-- order it goes. `tried` counts attempts, `attempts` has the last ones.
CREATE TABLE deliveries (
  webhook text NOT NULL,
  shard integer NOT NULL,
  g bigint NOT NULL,
  event integer NOT NULL,
  sub text NOT NULL,
  id text NOT NULL,
  type text NOT NULL,
  accounts text NOT NULL,
  before text NOT NULL,
  state text NOT NULL CHECK (state IN ('waiting', 'delivered', 'parked')),
  tried integer NOT NULL,
  first_at bigint,
  next_at bigint NOT NULL,
  done_at bigint,
  attempts text NOT NULL,
  PRIMARY KEY (webhook, shard, g, event, sub)
);

CREATE INDEX deliveries_waiting ON deliveries (webhook, shard, g, event, sub) WHERE state = 'waiting';
CREATE INDEX deliveries_parked ON deliveries (webhook) WHERE state = 'parked';
CREATE INDEX deliveries_delivered ON deliveries (webhook, done_at) WHERE state = 'delivered';

-- `armed` tells up to which batch of each shard the accounts were looked at that were below at the start, as JSON; NULL
-- until that was done. From there on an event that brings an account below is a crossing.
CREATE TABLE watches (
  id text PRIMARY KEY,
  owner text NOT NULL,
  beginning text NOT NULL,
  account text,
  prefix text,
  available_lt bigint NOT NULL,
  armed text,
  created_at bigint NOT NULL
);

CREATE TABLE watch_below (
  watch text NOT NULL,
  account text NOT NULL,
  PRIMARY KEY (watch, account)
);

-- `body` is what webhooks are sent.
CREATE TABLE crossings (
  watch text NOT NULL,
  shard integer NOT NULL,
  g bigint NOT NULL,
  event integer NOT NULL,
  account text NOT NULL,
  body text NOT NULL,
  PRIMARY KEY (watch, shard, g, event, account)
);

-- One row: a cursor, before which watches have looked at all events.
CREATE TABLE watch_position (
  only_one integer PRIMARY KEY CHECK (only_one = 1),
  taken text NOT NULL
);

-- What was answered to requests with an Idempotency-Key; without secrets.
CREATE TABLE hook_requests (
  key text PRIMARY KEY,
  hash text NOT NULL,
  status integer NOT NULL,
  body text NOT NULL,
  at bigint NOT NULL
);
