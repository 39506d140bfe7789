-- The event bus, version 1. Never changed once released: a later version is a script of its own.
CREATE TABLE pathops_event_bus (version integer NOT NULL);
INSERT INTO pathops_event_bus VALUES (1);

-- The number of the newest event of each topic. Who publishes locks its row first, so that the events of a topic become visible
-- in the order of their numbers.
CREATE TABLE pathops_topics (
  topic text COLLATE "C" PRIMARY KEY,
  last  bigint NOT NULL CHECK (last >= 0)
) WITH (fillfactor = 50);

-- What was published, until it is old.
CREATE TABLE pathops_events (
  topic        text COLLATE "C" NOT NULL,
  number       bigint NOT NULL,
  id           text COLLATE "C" NOT NULL,
  lane         text NOT NULL,
  payload      bytea NOT NULL,
  trace_parent text,
  published_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (topic, number),
  UNIQUE (topic, id)
);

CREATE INDEX pathops_events_by_time ON pathops_events (published_at);

-- Numbers of subscribers.
CREATE SEQUENCE pathops_subscribers;

-- How far each subscription with a name has got: all up to `after` is acknowledged. `holder` was given the next event last, and
-- nobody else is until `held_until`.
CREATE TABLE pathops_subscriptions (
  topic      text COLLATE "C" NOT NULL,
  name       text COLLATE "C" NOT NULL,
  after      bigint NOT NULL,
  holder     bigint,
  held_until timestamptz,
  PRIMARY KEY (topic, name)
) WITH (fillfactor = 50);
