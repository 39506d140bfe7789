-- The inbox, version 1. Never changed once released: a later version is a script of its own.
-- 1348553070 is "PaIn" in ASCII; it tells an inbox from another program's database.
PRAGMA application_id = 1348553070;
PRAGMA user_version = 1;

-- Each lane that ever was. `due` is when it may be claimed next: at once, when a try is due, or when a claim expires; NULL where
-- nothing waits. A row stays, so that fences only rise.
CREATE TABLE lanes (
  source TEXT    NOT NULL,
  lane   TEXT    NOT NULL,
  fence  INTEGER NOT NULL CHECK (fence >= 0),
  due    INTEGER,
  PRIMARY KEY (source, lane)
) STRICT, WITHOUT ROWID;

CREATE INDEX lanes_due ON lanes (due, source, lane) WHERE due IS NOT NULL;

-- What came. `hints` is JSON of the given format; `state` is 0 for what waits, 1 for what was handled, 2 for what is dead.
CREATE TABLE deliveries (
  number      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  source      TEXT    NOT NULL,
  key         TEXT    NOT NULL,
  lane        TEXT    NOT NULL,
  received_at INTEGER NOT NULL,
  body        TEXT    NOT NULL,
  format      INTEGER NOT NULL,
  hints       TEXT    NOT NULL,
  state       INTEGER NOT NULL CHECK (state IN (0, 1, 2)),
  attempts    INTEGER NOT NULL,
  reason      TEXT,
  UNIQUE (source, key),
  FOREIGN KEY (source, lane) REFERENCES lanes (source, lane)
) STRICT;

CREATE INDEX deliveries_waiting ON deliveries (source, lane, number) WHERE state = 0;
CREATE INDEX deliveries_by_time ON deliveries (received_at);
CREATE INDEX deliveries_dead ON deliveries (number) WHERE state = 2;
