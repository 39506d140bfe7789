-- The journal, version 1. Never changed once released: a later version is a script of its own.
-- 1348554608 is "PaOp" in ASCII; it tells a journal from another program's database.
PRAGMA application_id = 1348554608;
PRAGMA user_version = 1;

-- Who may write. A row stays when it is given back (owner NULL), so that fences only rise.
CREATE TABLE leases (
  name       TEXT    NOT NULL PRIMARY KEY,
  owner      TEXT,
  fence      INTEGER NOT NULL CHECK (fence > 0),
  expires_at INTEGER NOT NULL
) STRICT;

-- Each run as it stands after its last entry.
CREATE TABLE runs (
  id      TEXT    NOT NULL PRIMARY KEY,
  machine TEXT    NOT NULL,
  seq     INTEGER NOT NULL,
  format  INTEGER NOT NULL,
  state   TEXT    NOT NULL,
  ended   INTEGER NOT NULL CHECK (ended IN (0, 1))
) STRICT;

CREATE INDEX runs_open ON runs (id) WHERE ended = 0;

-- What happened, for ever. `opens` is a JSON array of {"op", "command"}.
CREATE TABLE entries (
  run    TEXT    NOT NULL REFERENCES runs (id),
  seq    INTEGER NOT NULL,
  format INTEGER NOT NULL,
  at     INTEGER NOT NULL,
  event  TEXT    NOT NULL,
  closes INTEGER,
  opens  TEXT    NOT NULL,
  PRIMARY KEY (run, seq)
) STRICT;

CREATE TRIGGER entries_are_gap_free BEFORE INSERT ON entries
WHEN NEW.seq <> 1 + (SELECT coalesce(max(seq), 0) FROM entries WHERE run = NEW.run)
BEGIN SELECT RAISE(ABORT, 'entries of a run are numbered without a gap'); END;

CREATE TRIGGER entries_are_not_changed BEFORE UPDATE ON entries
BEGIN SELECT RAISE(ABORT, 'entries are never changed'); END;

CREATE TRIGGER entries_are_not_deleted BEFORE DELETE ON entries
BEGIN SELECT RAISE(ABORT, 'entries are never deleted'); END;

-- The operations that a run ever opened. Closing one takes its command away and keeps its number, which is used up.
CREATE TABLE ops (
  run     TEXT    NOT NULL REFERENCES runs (id),
  op      INTEGER NOT NULL,
  command TEXT,
  PRIMARY KEY (run, op)
) STRICT, WITHOUT ROWID;

CREATE INDEX ops_open ON ops (run, op) WHERE command IS NOT NULL;
