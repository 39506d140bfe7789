-- The inbox, version 1. Never changed once released: a later version is a script of its own.
CREATE TABLE pathops_inbox (version integer NOT NULL);
INSERT INTO pathops_inbox VALUES (1);

-- Each lane that ever was. `due` is when it may be claimed next: at once, when a try is due, or when a claim expires; NULL where
-- nothing waits. A row stays, so that fences only rise. Who writes about a lane locks its row first.
CREATE TABLE pathops_lanes (
  source text COLLATE "C" NOT NULL,
  lane   text COLLATE "C" NOT NULL,
  fence  bigint NOT NULL CHECK (fence >= 0),
  due    bigint,
  PRIMARY KEY (source, lane)
) WITH (fillfactor = 70);

CREATE INDEX pathops_lanes_due ON pathops_lanes (due) WHERE due IS NOT NULL;

-- What came. `hints` is JSON of the given format; `state` is 0 for what waits, 1 for what was handled, 2 for what is dead.
CREATE TABLE pathops_deliveries (
  number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  source      text COLLATE "C" NOT NULL,
  key         text COLLATE "C" NOT NULL,
  lane        text COLLATE "C" NOT NULL,
  received_at bigint NOT NULL,
  body        text NOT NULL,
  format      bigint NOT NULL,
  hints       text NOT NULL,
  state       bigint NOT NULL DEFAULT 0 CHECK (state IN (0, 1, 2)),
  attempts    bigint NOT NULL DEFAULT 0,
  reason      text,
  UNIQUE (source, key)
);

CREATE INDEX pathops_deliveries_waiting ON pathops_deliveries (source, lane, number) WHERE state = 0;
CREATE INDEX pathops_deliveries_by_time ON pathops_deliveries (received_at);
CREATE INDEX pathops_deliveries_dead ON pathops_deliveries (number) WHERE state = 2;
